// complete_*: a token is validated first, and used up in the transaction that does its work (W7,
// W8).

#include "libs/accounts/rows.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

namespace {

constexpr Millis kRememberUsedMs = 48LL * 3600 * 1000;

/// The pending row of that token, or why there is none.
Outcome<StagedRow> pending(Connection& connection, const std::string& digest, Millis now_ms) {
    auto row = findStaged(connection, digest);
    if (row && row->staged.expires_ms > now_ms) return std::move(*row);
    return fail(findUsed(connection, digest) ? Reason::AlreadyUsed : Reason::NoSuchToken);
}

/// Uses the token up. Of two that come at once one has no row to delete and runs anew.
Completion consume(Connection& connection, const StagedRow& row, const std::string& digest,
                   UserId user, Millis now_ms) {
    if (connection.execute("DELETE FROM staged WHERE id = ? AND digest = ?", {row.id, digest}) != 1)
        again("the token was used");
    connection.execute(
        "INSERT INTO used_token (digest, kind, user_id, spelling, used_ms, expires_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        {digest, std::int64_t(row.staged.kind), user, row.staged.address, now_ms,
         now_ms + kRememberUsedMs});
    // "This was not me" now has sessions to end.
    connection.execute("UPDATE notice SET user_id = ? WHERE staged_id = ?", {user, row.id});
    return {user, sessionEpochOf(connection, user), row.staged.address, row.staged.kind, false};
}

Address addressOf(const StagedRow& row) {
    // What is staged was parsed before.
    return *Address::parse(row.staged.address);
}

void setPassword(Connection& connection, UserId user, const std::string& hash, Millis now_ms) {
    connection.execute("UPDATE account SET password_hash = ?, password_set_ms = ? WHERE id = ?",
                       {hash, now_ms, user});
    clearTries(connection, user);
}

/// W1: a staged hash serves the kind and the account that it was staged for. One of a sign-up is
/// whoever's who staged it last: it counts only for who has shown that password, and the mailbox.
void inheritHash(Connection& connection, const StagedRow& row, UserId user, ShownBy shown,
                 Millis now_ms) {
    const auto& hash = row.staged.password_hash;
    const auto account = findUser(connection, user);
    if (!hash || !account) return;
    if (row.staged.kind == StagedKind::AddEmail) {
        if (!account->password_hash) setPassword(connection, user, *hash, now_ms);
        return;
    }
    if (shown == ShownBy::Session || account->password_hash == hash) return;
    // Whoever made the account, or changed its password, has proven nothing: they have no more
    // business in it.
    setPassword(connection, user, *hash, now_ms);
    endSessions(connection, user);
}

}  // namespace

Outcome<Staged> Writer::reserveStagedAttempt(std::string_view token, int limit, Millis now_ms) {
    return transact(
        database_,
        [digest = tokenDigest(token), limit, now_ms](Connection& connection) -> Outcome<Staged> {
            auto row = pending(connection, digest, now_ms);
            if (!row) return row.failure();
            if (connection.execute("UPDATE staged SET tries = tries + 1 WHERE id = ? AND tries < ?",
                                   {row->id, std::int64_t(limit)}) != 1)
                return fail(Reason::Locked);
            return row->staged;
        });
}

Outcome<Completion> Writer::completeNewAccount(std::string_view token, Millis now_ms) {
    return transact(
        database_,
        [digest = tokenDigest(token), random = random_,
         now_ms](Connection& connection) -> Outcome<Completion> {
            const auto row = pending(connection, digest, now_ms);
            if (!row) return row.failure();
            if (row->staged.kind != StagedKind::NewAccount) return fail(Reason::WrongKind);
            const UserId user =
                insertAccount(connection, random, row->staged.password_hash, now_ms);
            bool took = false;
            if (!claimAddress(connection, random, addressOf(*row), user, {}, now_ms, &took))
                again("the account went away");
            auto completion = consume(connection, *row, digest, user, now_ms);
            completion.took = took;
            return completion;
        });
}

Outcome<Completion> Writer::completeEmail(std::string_view token, ShownBy shown, Millis now_ms) {
    return transact(
        database_,
        [digest = tokenDigest(token), random = random_, shown,
         now_ms](Connection& connection) -> Outcome<Completion> {
            const auto row = pending(connection, digest, now_ms);
            if (!row) return row.failure();
            const auto kind = row->staged.kind;
            if (kind != StagedKind::Unverified && kind != StagedKind::AddEmail &&
                kind != StagedKind::Reverify)
                return fail(Reason::WrongKind);
            UserId user = row->staged.user.value_or(0);
            if (kind != StagedKind::AddEmail) {
                // These confirm what the account has; they bring nothing back that has
                // left it.
                if (!lockAccount(connection, user)) return fail(Reason::NoSuchToken);
                const auto known = findAddress(connection, row->key);
                if (!known || known->user != user) return fail(Reason::Stale);
                // Somebody has proven an address of their own in that account meanwhile: it stays
                // theirs, and this address leaves it.
                if (kind == StagedKind::Unverified && shown == ShownBy::Password &&
                    !known->verified && hasProvenAddress(connection, user))
                    user = insertAccount(connection, random, row->staged.password_hash, now_ms);
            }
            bool took = false;
            if (!claimAddress(connection, random, addressOf(*row), user, {}, now_ms, &took))
                return fail(Reason::NoSuchToken);
            inheritHash(connection, *row, user, shown, now_ms);
            auto completion = consume(connection, *row, digest, user, now_ms);
            completion.took = took;
            return completion;
        });
}

Outcome<Completion> Writer::completeReset(std::string_view token,
                                          const std::optional<std::string>& new_hash,
                                          Millis now_ms) {
    return transact(
        database_,
        [digest = tokenDigest(token), new_hash, random = random_,
         now_ms](Connection& connection) -> Outcome<Completion> {
            const auto row = pending(connection, digest, now_ms);
            if (!row) return row.failure();
            const bool transition = row->staged.kind == StagedKind::Transition;
            if (!transition && row->staged.kind != StagedKind::Reset)
                return fail(Reason::WrongKind);
            const auto& hash = transition ? row->staged.password_hash : new_hash;
            if (!hash) return fail(Reason::PasswordRequired);
            const UserId user = row->staged.user.value_or(0);
            if (!lockAccount(connection, user)) return fail(Reason::NoSuchToken);
            const auto known = findAddress(connection, row->key);
            if (!known || known->user != user) return fail(Reason::Stale);
            if (transition && findUser(connection, user)->password_set_ms > row->staged.created_ms)
                return fail(Reason::Stale);

            connection.execute(
                "UPDATE address SET verified = 0 WHERE user_id = ? AND type = 0 AND address_key <> "
                "?",
                {user, row->key});
            if (!claimAddress(connection, random, addressOf(*row), user, {}, now_ms))
                again("the account went away");
            setPassword(connection, user, *hash, now_ms);
            endSessions(connection, user);
            auto completion = consume(connection, *row, digest, user, now_ms);
            // Whoever lost the account to a reset may have left more behind.
            connection.execute("DELETE FROM staged WHERE user_id = ?", {user});
            return completion;
        });
}

}  // namespace persona::accounts
