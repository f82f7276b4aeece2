#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libs/accounts/address.h"

namespace persona::accounts {

/// Random, positive, below 2^53, never used twice on purpose.
using UserId = std::int64_t;
/// Milliseconds since 1970, UTC; always given by the caller.
using Millis = std::int64_t;

enum class AddressType { Secondary, Primary };  ///< wsapi.md `lastUsedAs`

/// What is known of an address (5.2 emailInfo).
struct EmailInfo {
    UserId user = 0;
    AddressType type = AddressType::Secondary;
    bool verified = false;
    std::string address;  ///< as its owner wrote it: `normalizedEmail`
    bool has_password = false;
};

struct User {
    UserId id = 0;
    std::optional<std::string> password_hash;  ///< none: signs in through primaries only
    /// Grows whenever all sessions of the account must end (W14). A session holds the value it was
    /// made under and is void once they differ. Takes the place of lastPasswordReset.
    std::int64_t session_epoch = 0;
    int failed_tries = 0;  ///< consecutive wrong passwords from devices that are not trusted
    Millis password_set_ms = 0;
    Millis created_ms = 0;
};

enum class StagedKind {
    NewAccount,  ///< stage_user
    Unverified,  ///< stage_user with allowUnverified: the account is there, its address unproven
    AddEmail,    ///< stage_email
    Reverify,    ///< stage_reverify
    Reset,       ///< stage_reset: the new password comes with the completion
    Transition,  ///< stage_transition: the new password was staged
};

/// What whoever completes an operation has shown beside its token.
enum class ShownBy {
    Session,   ///< one of the account, by password
    Password,  ///< the one that was staged, or the account's where none was
};

/// A pending operation; its token went out by mail.
struct Staged {
    StagedKind kind = StagedKind::NewAccount;
    std::optional<UserId> user;  ///< none: NewAccount
    std::string address;         ///< as it was written when staged
    std::optional<std::string> password_hash;
    std::string site;
    Millis created_ms = 0, expires_ms = 0;
};

/// What a used token did (kept for its lifetime, so that a second click can be told so).
struct UsedToken {
    StagedKind kind = StagedKind::NewAccount;
    UserId user = 0;
    std::string address;
    Millis used_ms = 0;
};

/// Fresh tokens, for the mail and the session only: the database keeps digests.
struct StagedTokens {
    std::string token;   ///< 48 characters, for complete_*
    std::string not_me;  ///< 48 characters, for report_not_me
    Millis expires_ms = 0;
};

struct Completion {
    UserId user = 0;
    std::int64_t session_epoch = 0;  ///< for the session that is made now
    std::string address;
    StagedKind kind = StagedKind::NewAccount;
    bool took = false;  ///< the address came from another account, which had proven it
};

/// What stage_* may do to one mailbox (T60 and the daily cap, W5). Part of the staging transaction.
struct StageLimits {
    Millis min_interval_ms = 60'000;  ///< since the pending mail to that address; 0 = no limit
    int daily_cap = 20;               ///< mails a day to that address, all kinds; 0 = no limit
    Millis lifetime_ms = 48LL * 3600 * 1000;  ///< of the token; reset and unblock: one hour

    /// How long the next mail has to wait, in ms; 0: not at all. `last_ms` may lie ahead: of calls
    /// at once, one that began earlier may come to its write later.
    [[nodiscard]] Millis waitAfter(Millis last_ms, Millis now_ms) const {
        return std::max<Millis>(0, min_interval_ms - std::max<Millis>(0, now_ms - last_ms));
    }
};

/// What an operator may hand to the owner of the data (`accounts export`).
struct AccountRecord {
    User user;
    struct Entry {
        EmailInfo info;
        Millis added_ms = 0;
    };
    std::vector<Entry> addresses;
    std::vector<Staged> pending;
};

/// An account that comes from elsewhere, with what was known of it there.
struct ImportedAccount {
    std::optional<std::string> password_hash;
    struct Entry {
        Address address;
        AddressType type = AddressType::Secondary;
        bool verified = true;
    };
    std::vector<Entry> addresses;  ///< at least one, in their order
};

}  // namespace persona::accounts
