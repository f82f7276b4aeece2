// The mail step-up: unblock, and "this was not me" (wsapi.md Decisions).

#include "libs/accounts/rows.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

namespace {

struct Notice {
    std::optional<std::string> staged_id;
    std::optional<UserId> user;
    std::string key;
};

std::optional<Notice> findNotice(Connection& connection, NoticeKind kind, const std::string& digest,
                                 Millis now_ms) {
    const auto row = connection.first(
        "SELECT staged_id, user_id, address_key FROM notice"
        " WHERE digest = ? AND kind = ? AND expires_ms > ?",
        {digest, std::int64_t(kind), now_ms});
    if (!row) return std::nullopt;
    return Notice{row->maybeText(0), row->maybeNumber(1), row->text(2)};
}

void consumeNotice(Connection& connection, const std::string& digest) {
    if (connection.execute("DELETE FROM notice WHERE digest = ?", {digest}) != 1)
        again("the token was used");
}

}  // namespace

Outcome<std::optional<StagedTokens>> Writer::stageUnblock(const Address& address,
                                                          StageLimits limits, Millis now_ms) {
    using Maybe = std::optional<StagedTokens>;
    return transact(database_, [=, random = random_](Connection& connection) -> Outcome<Maybe> {
        const auto known = findAddress(connection, address.key());
        if (!known) return Maybe();
        if (!lockAccount(connection, known->user)) again("the account went away");
        const auto last = connection.first(
            "SELECT created_ms FROM notice WHERE address_key = ? AND kind = ?"
            " ORDER BY created_ms DESC LIMIT 1",
            {address.key(), std::int64_t(NoticeKind::Unblock)});
        const auto wait = last ? limits.waitAfter(last->number(0), now_ms) : 0;
        if (wait > 0) return fail(Reason::Throttled, wait);
        if (auto full = countMail(connection, address.key(), limits.daily_cap, now_ms))
            return *full;
        StagedTokens tokens;
        tokens.token = insertNotice(connection, random, NoticeKind::Unblock, {}, known->user,
                                    address.key(), now_ms, limits.lifetime_ms);
        tokens.not_me = insertNotice(connection, random, NoticeKind::NotMe, {}, known->user,
                                     address.key(), now_ms, limits.lifetime_ms);
        tokens.expires_ms = now_ms + limits.lifetime_ms;
        return Maybe(std::move(tokens));
    });
}

Outcome<UserId> Writer::completeUnblock(std::string_view token, Millis now_ms) {
    return transact(
        database_,
        [digest = tokenDigest(token), now_ms](Connection& connection) -> Outcome<UserId> {
            const auto notice = findNotice(connection, NoticeKind::Unblock, digest, now_ms);
            if (!notice || !notice->user || !lockAccount(connection, *notice->user))
                return fail(Reason::NoSuchToken);
            consumeNotice(connection, digest);
            clearTries(connection, *notice->user);
            return *notice->user;
        });
}

Outcome<std::string> Writer::makeNotMe(UserId user, const Address& address, Millis lifetime_ms,
                                       Millis now_ms) {
    return transact(database_,
                    [=, random = random_](Connection& connection) -> Outcome<std::string> {
                        if (!lockAccount(connection, user)) return fail(Reason::NotFound);
                        return insertNotice(connection, random, NoticeKind::NotMe, {}, user,
                                            address.key(), now_ms, lifetime_ms);
                    });
}

namespace {

bool isUnprovenSignUp(Connection& connection, const std::string& staged_id) {
    return connection
        .first("SELECT id FROM staged WHERE id = ? AND kind = ?",
               {staged_id, std::int64_t(StagedKind::Unverified)})
        .has_value();
}

}  // namespace

Outcome<Done> Writer::reportNotMe(std::string_view token, Millis now_ms) {
    return transact(
        database_, [digest = tokenDigest(token), now_ms](Connection& connection) -> Outcome<Done> {
            const auto notice = findNotice(connection, NoticeKind::NotMe, digest, now_ms);
            if (!notice) return fail(Reason::NoSuchToken);
            if (notice->user && lockAccount(connection, *notice->user)) {
                endSessions(connection, *notice->user);
                // An unblock link may be in the hands of the same stranger.
                connection.execute("DELETE FROM notice WHERE user_id = ? AND kind = ?",
                                   {*notice->user, std::int64_t(NoticeKind::Unblock)});
                dropAdditions(connection, *notice->user);
                // An account that claimed this mailbox without any proof loses the claim. One that
                // a reset left unproven is its owner's.
                if (notice->staged_id && isUnprovenSignUp(connection, *notice->staged_id) &&
                    !hasProvenAddress(connection, *notice->user)) {
                    connection.execute(
                        "DELETE FROM address WHERE address_key = ? AND user_id = ? AND verified = "
                        "0",
                        {notice->key, *notice->user});
                    (void)deleteIfEmpty(connection, *notice->user);
                }
            }
            if (notice->staged_id)
                connection.execute("DELETE FROM staged WHERE id = ?", {*notice->staged_id});
            if (notice->user) {
                connection.execute("DELETE FROM notice WHERE digest = ?", {digest});
                return Done{};
            }
            // A completion at the same time gives it the account whose sessions are to end.
            if (connection.execute("DELETE FROM notice WHERE digest = ? AND user_id IS NULL",
                                   {digest}) != 1)
                again("the operation was completed");
            return Done{};
        });
}

}  // namespace persona::accounts
