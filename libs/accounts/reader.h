#pragma once

#include <string_view>
#include <vector>

#include "libs/accounts/failure.h"
#include "libs/accounts/types.h"

namespace persona::accounts {

class Database;

/// Read operations (wsapi.md 5.2). Its connections cannot write: SQLite `query_only`, MariaDB
/// `SESSION TRANSACTION READ ONLY` on top of whatever account the operator gave. Every call blocks
/// for at most StoreOptions::deadline and may be made from any thread, never from an event loop. An
/// empty optional means "there is none"; the only failure is Unavailable unless a comment says
/// more.
class Reader {
  public:
    explicit Reader(Database& database) : database_(database) {}
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    [[nodiscard]] Outcome<Done> ping() const;

    [[nodiscard]] Outcome<std::optional<EmailInfo>> emailInfo(const Address& address) const;
    [[nodiscard]] Outcome<bool> userOwnsEmail(UserId user, const Address& address) const;
    /// Both known, and of one account.
    [[nodiscard]] Outcome<bool> sameAccount(const Address& a, const Address& b) const;
    /// Spellings, in the order in which they were added. Unknown account: empty.
    [[nodiscard]] Outcome<std::vector<std::string>> listEmails(UserId user) const;

    [[nodiscard]] Outcome<std::optional<User>> user(UserId user) const;
    /// For the check of a session; empty: the account is gone, so the session is void.
    [[nodiscard]] Outcome<std::optional<std::int64_t>> sessionEpoch(UserId user) const;

    /// The pending operation of that token. NoSuchToken: unknown, used, replaced or expired.
    [[nodiscard]] Outcome<Staged> staged(std::string_view token, Millis now_ms) const;
    /// The pending operation for that address, by whomever (isStaged, lastStaged).
    [[nodiscard]] Outcome<std::optional<Staged>> stagedFor(const Address& address,
                                                           Millis now_ms) const;
    /// What a used token did, while that is remembered.
    [[nodiscard]] Outcome<std::optional<UsedToken>> usedToken(std::string_view token) const;

    /// When a support document of that domain (lower case) was last seen.
    [[nodiscard]] Outcome<std::optional<Millis>> idpLastSeen(std::string_view domain) const;

    /// Everything about one account. NotFound.
    [[nodiscard]] Outcome<AccountRecord> account(UserId user) const;

  private:
    Database& database_;
};

}  // namespace persona::accounts
