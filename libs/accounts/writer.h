#pragma once

#include <string>
#include <string_view>

#include "libs/accounts/failure.h"
#include "libs/accounts/login.h"
#include "libs/accounts/random.h"
#include "libs/accounts/types.h"

namespace persona::accounts {

class Database;

/// Write operations (wsapi.md 5.3, column "Ours"). Each is one transaction: it happened, durably,
/// when the call gives its value; nothing of it happened when it gives another failure than
/// Unavailable. After Unavailable it may or may not have happened: every operation may be repeated.
/// Calls block for at most StoreOptions::deadline; any thread, never an event loop. Hashes are
/// opaque here (libs/passwords); hash before calling.
class Writer {
  public:
    Writer(Database& database, Random random) : database_(database), random_(std::move(random)) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    // --- staging: one pending operation for each address, replaced whole (W1). All: Throttled.
    [[nodiscard]] Outcome<StagedTokens> stageNewAccount(const Address& address, std::string hash,
                                                        std::string site, StageLimits limits,
                                                        Millis now_ms);
    struct Unverified {
        StagedTokens tokens;
        /// The account whose unproven address was made or re-staged. None: the address is verified
        /// already, so this became an ordinary stageNewAccount (W12).
        std::optional<UserId> user;
        std::int64_t session_epoch = 0;
        bool created = false;
    };
    [[nodiscard]] Outcome<Unverified> stageUnverified(const Address& address, std::string hash,
                                                      std::string site, StageLimits limits,
                                                      Millis now_ms);
    /// NotFound (no such account), PasswordRequired, PasswordNotAllowed.
    [[nodiscard]] Outcome<StagedTokens> stageEmail(UserId user, const Address& address,
                                                   std::optional<std::string> hash,
                                                   std::string site, StageLimits limits,
                                                   Millis now_ms);
    /// NotOwner, AlreadyVerified.
    [[nodiscard]] Outcome<StagedTokens> stageReverify(UserId user, const Address& address,
                                                      std::string site, StageLimits limits,
                                                      Millis now_ms);
    /// NotFound. Give a lifetime of one hour.
    [[nodiscard]] Outcome<StagedTokens> stageReset(const Address& address, std::string site,
                                                   StageLimits limits, Millis now_ms);
    /// NotFound.
    [[nodiscard]] Outcome<StagedTokens> stageTransition(const Address& address, std::string hash,
                                                        std::string site, StageLimits limits,
                                                        Millis now_ms);

    // --- completing: validated before it is consumed (W8). All: NoSuchToken, AlreadyUsed,
    // WrongKind.
    /// Counts a try at the password staged with `token`, before hashing. Locked after `limit`
    /// tries.
    [[nodiscard]] Outcome<Staged> reserveStagedAttempt(std::string_view token, int limit,
                                                       Millis now_ms);
    /// NewAccount. The address leaves any other account, whose sessions end; emptied ones go (W13).
    [[nodiscard]] Outcome<Completion> completeNewAccount(std::string_view token, Millis now_ms);
    /// Unverified, AddEmail, Reverify. A staged hash becomes the password of an account that has
    /// none (AddEmail); of an unproven one when that password was shown (Unverified), else nothing
    /// but the address is proven. Where the account has another proven address by then, whoever has
    /// shown the password gets an account of their own. Stale: Unverified or Reverify of an address
    /// that moved away.
    [[nodiscard]] Outcome<Completion> completeEmail(std::string_view token, ShownBy shown,
                                                    Millis now_ms);
    /// Reset with `new_hash`, Transition without. Ends all sessions, resets the counts, un-verifies
    /// the other secondary addresses. PasswordRequired; Stale: the address moved away, or the
    /// password was changed after a transition was staged.
    [[nodiscard]] Outcome<Completion> completeReset(std::string_view token,
                                                    const std::optional<std::string>& new_hash,
                                                    Millis now_ms);

    // --- passwords and tries
    /// Counts a try at the account's password, before hashing (W3). NotFound, Locked. `device`: the
    /// id in a device cookie whose MAC is good and which names this account.
    [[nodiscard]] Outcome<LoginAttempt> reserveLoginAttempt(
        UserId user, const std::optional<std::string>& device, LoginLimits limits, Millis now_ms);
    /// Gives the try back, ends the row of failures if there is one (W4), stores a rehash by
    /// compare-and-set. Value: the session epoch. WrongPassword: the password was changed
    /// meanwhile.
    [[nodiscard]] Outcome<std::int64_t> loginSucceeded(const LoginAttempt& attempt,
                                                       const LoginSuccess& success, Millis now_ms);
    /// Compare-and-set on the hash that was verified. Resets the counts. `end_sessions`: false when
    /// it is the same password. Value: the session epoch from now on. NotFound, WrongPassword.
    [[nodiscard]] Outcome<std::int64_t> updatePassword(UserId user, const std::string& old_hash,
                                                       const std::string& new_hash,
                                                       bool end_sessions, Millis now_ms);

    // --- addresses and accounts
    struct Opened {
        UserId user = 0;
        std::int64_t session_epoch = 0;
        bool created = false;  ///< false: the address was known, this is its account
    };
    /// For a proven address. One that is unproven in an account without any proven address
    /// (stage_user with allowUnverified) takes that account over: its password and sessions end.
    /// One that is unproven beside a proven one leaves that account for a new one.
    [[nodiscard]] Outcome<Opened> createUserWithPrimaryEmail(const Address& address, Millis now_ms);
    /// Proven by an assertion: comes to this account from wherever it was. Value: whether another
    /// account had proven it. NotFound.
    [[nodiscard]] Outcome<bool> addPrimaryEmail(UserId user, const Address& address, Millis now_ms);
    /// NotOwner.
    [[nodiscard]] Outcome<Done> setUsedAs(UserId user, const Address& address, AddressType type);
    /// NotOwner. Value: whether the emptied account went with it.
    [[nodiscard]] Outcome<bool> removeEmail(UserId user, const Address& address, Millis now_ms);
    /// Deletes all that is kept of the account. NotFound.
    [[nodiscard]] Outcome<Done> cancelAccount(UserId user);
    /// Ends all sessions. Value: the new epoch. NotFound.
    [[nodiscard]] Outcome<std::int64_t> revokeSessions(UserId user);
    /// Sets all counts of wrong passwords to nought. NotFound.
    [[nodiscard]] Outcome<Done> unlock(UserId user);

    // --- mail step-up
    /// Tokens for the `unblock` mail; none for an unknown address, which must answer alike.
    /// Throttled.
    [[nodiscard]] Outcome<std::optional<StagedTokens>> stageUnblock(const Address& address,
                                                                    StageLimits limits,
                                                                    Millis now_ms);
    /// Resets the untrusted pool. Value: the account, whose device may now be trusted. NoSuchToken.
    [[nodiscard]] Outcome<UserId> completeUnblock(std::string_view token, Millis now_ms);
    /// A "this was not me" token for a security mail about the account that stages nothing.
    /// NotFound.
    [[nodiscard]] Outcome<std::string> makeNotMe(UserId user, const Address& address,
                                                 Millis lifetime_ms, Millis now_ms);
    /// Ends the pending operation that the mail was about, and all sessions that it could have
    /// made. NoSuchToken.
    [[nodiscard]] Outcome<Done> reportNotMe(std::string_view token, Millis now_ms);

    // --- memory of identity providers; at most one write for each domain and hour (W34)
    [[nodiscard]] Outcome<Done> sawIdp(std::string_view domain, Millis now_ms);
    [[nodiscard]] Outcome<Done> forgetIdp(std::string_view domain);

    /// Makes the account unless one of its addresses is known. Value: whether it did.
    [[nodiscard]] Outcome<bool> importAccount(const ImportedAccount& account, Millis now_ms);

    /// Deletes at most `batch` expired rows of each kind, by key. Value: how many; call again while
    /// it is not 0.
    [[nodiscard]] Outcome<int> purge(Millis now_ms, int batch = 200);

  private:
    Database& database_;
    Random random_;
};

}  // namespace persona::accounts
