#pragma once

// Steps that several operations share. Each works inside the transaction of its connection and may
// throw SqlError.

#include <optional>
#include <string>
#include <string_view>

#include "libs/accounts/failure.h"
#include "libs/accounts/random.h"
#include "libs/accounts/sql/database.h"
#include "libs/accounts/types.h"

namespace persona::accounts {

/// Somebody else was faster: run the whole operation anew.
[[noreturn]] void again(const char* what);

[[nodiscard]] inline Failure fail(Reason reason, std::int64_t retry_after_ms = 0) {
    return Failure{reason, name(reason), retry_after_ms};
}

// --- accounts

/// Makes this transaction the only one that changes the account or its addresses. False: not there.
[[nodiscard]] bool lockAccount(Connection& connection, UserId user);
[[nodiscard]] std::optional<User> findUser(Connection& connection, UserId user);
/// A new account under a random id.
[[nodiscard]] UserId insertAccount(Connection& connection, const Random& random,
                                   const std::optional<std::string>& hash, Millis now_ms);
/// With all that refers to it.
void deleteAccount(Connection& connection, UserId user);
/// W13. The account must be locked. True: it was empty and is gone.
bool deleteIfEmpty(Connection& connection, UserId user);
void endSessions(Connection& connection, UserId user);
/// Whether anybody has proven any address of that account.
[[nodiscard]] bool hasProvenAddress(Connection& connection, UserId user);
/// Forgets what sessions of the account that have ended have staged to add to it.
void dropAdditions(Connection& connection, UserId user);
[[nodiscard]] std::int64_t sessionEpochOf(Connection& connection, UserId user);
/// Also forgets the counts of the account's devices.
void clearTries(Connection& connection, UserId user);

// --- addresses

struct AddressRow {
    std::string id;
    UserId user = 0;
    AddressType type = AddressType::Secondary;
    bool verified = false;
    std::string spelling;
    bool operator==(const AddressRow&) const = default;
};
[[nodiscard]] std::optional<AddressRow> findAddress(Connection& connection, std::string_view key);

struct Claim {
    AddressType type = AddressType::Secondary;
    bool verified = true;
    bool may_take =
        true;  ///< false: the caller saw that nobody had it; if one has it by now, run anew
};
/// Puts the address on that account, taking it from any other, whose sessions end (W14) and which
/// goes when it is empty (W13). False: no such account.
/// `took`: whether another account had proven it.
[[nodiscard]] bool claimAddress(Connection& connection, const Random& random,
                                const Address& address, UserId user, Claim claim, Millis now_ms,
                                bool* took = nullptr);

// --- pending operations

struct StagedRow {
    std::string id;
    std::string key;
    int tries = 0;
    Staged staged;
};
[[nodiscard]] std::optional<StagedRow> findStaged(Connection& connection, std::string_view digest);
[[nodiscard]] std::optional<StagedRow> findStagedFor(Connection& connection, std::string_view key);
[[nodiscard]] std::optional<UsedToken> findUsed(Connection& connection, std::string_view digest);

// --- budgets

/// Counts one mail to that address. Throttled: there were `cap` in the last 24 hours.
[[nodiscard]] std::optional<Failure> countMail(Connection& connection, std::string_view key,
                                               int cap, Millis now_ms);

enum class NoticeKind { NotMe, Unblock };
/// Value: the token.
[[nodiscard]] std::string insertNotice(Connection& connection, const Random& random,
                                       NoticeKind kind, const std::optional<std::string>& staged_id,
                                       const std::optional<UserId>& user, std::string_view key,
                                       Millis now_ms, Millis lifetime_ms);

}  // namespace persona::accounts
