#include "libs/accounts/rows.h"

#include <algorithm>

namespace persona::accounts {

namespace {

constexpr Millis kDayMs = 24LL * 3600 * 1000;

StagedRow stagedFrom(const Row& row) {
    StagedRow out;
    out.id = row.text(0);
    out.key = row.text(1);
    out.tries = static_cast<int>(row.number(2));
    out.staged.kind = static_cast<StagedKind>(row.number(3));
    out.staged.user = row.maybeNumber(4);
    out.staged.address = row.text(5);
    out.staged.password_hash = row.maybeText(6);
    out.staged.site = row.text(7);
    out.staged.created_ms = row.number(8);
    out.staged.expires_ms = row.number(9);
    return out;
}

const std::string kStagedColumns =
    "SELECT id, address_key, tries, kind, user_id, spelling, password_hash, site, created_ms,"
    " expires_ms FROM staged WHERE ";

}  // namespace

void again(const char* what) {
    throw SqlError(SqlError::Kind::Again, what);
}

bool lockAccount(Connection& connection, UserId user) {
    return connection.execute("UPDATE account SET revision = revision + 1 WHERE id = ?", {user}) ==
           1;
}

std::optional<User> findUser(Connection& connection, UserId user) {
    const auto row = connection.first(
        "SELECT password_hash, session_epoch, failed_tries, password_set_ms, created_ms"
        " FROM account WHERE id = ?",
        {user});
    if (!row) return std::nullopt;
    User out;
    out.id = user;
    out.password_hash = row->maybeText(0);
    out.session_epoch = row->number(1);
    out.failed_tries = static_cast<int>(row->number(2));
    out.password_set_ms = row->number(3);
    out.created_ms = row->number(4);
    return out;
}

UserId insertAccount(Connection& connection, const Random& random,
                     const std::optional<std::string>& hash, Millis now_ms) {
    const UserId user = makeUserId(random);
    connection.execute(
        "INSERT INTO account (id, password_hash, session_epoch, revision, failed_tries,"
        " window_tries, window_start_ms, password_set_ms, created_ms)"
        " VALUES (?, ?, 1, 1, 0, 0, 0, ?, ?)",
        {user, orNull(hash), now_ms, now_ms});
    return user;
}

void deleteAccount(Connection& connection, UserId user) {
    for (const char* table : {"address", "staged", "used_token", "notice", "device"})
        connection.execute(std::string("DELETE FROM ") + table + " WHERE user_id = ?", {user});
    connection.execute("DELETE FROM account WHERE id = ?", {user});
}

bool deleteIfEmpty(Connection& connection, UserId user) {
    if (connection.first("SELECT id FROM address WHERE user_id = ? LIMIT 1", {user})) return false;
    deleteAccount(connection, user);
    return true;
}

void endSessions(Connection& connection, UserId user) {
    connection.execute("UPDATE account SET session_epoch = session_epoch + 1 WHERE id = ?", {user});
}

std::int64_t sessionEpochOf(Connection& connection, UserId user) {
    const auto row = connection.first("SELECT session_epoch FROM account WHERE id = ?", {user});
    if (!row) again("the account went away");
    return row->number(0);
}

void clearTries(Connection& connection, UserId user) {
    connection.execute("UPDATE account SET failed_tries = 0, window_tries = 0 WHERE id = ?",
                       {user});
    connection.execute("DELETE FROM device WHERE user_id = ?", {user});
}

std::optional<AddressRow> findAddress(Connection& connection, std::string_view key) {
    const auto row = connection.first(
        "SELECT id, user_id, type, verified, spelling FROM address WHERE address_key = ?",
        {std::string(key)});
    if (!row) return std::nullopt;
    return AddressRow{row->text(0), row->number(1), static_cast<AddressType>(row->number(2)),
                      row->number(3) != 0, row->text(4)};
}

bool hasProvenAddress(Connection& connection, UserId user) {
    return connection
        .first("SELECT id FROM address WHERE user_id = ? AND verified = 1 LIMIT 1", {user})
        .has_value();
}

void dropAdditions(Connection& connection, UserId user) {
    connection.execute("DELETE FROM staged WHERE user_id = ? AND kind = ?",
                       {user, std::int64_t(StagedKind::AddEmail)});
}

bool claimAddress(Connection& connection, const Random& random, const Address& address, UserId user,
                  Claim claim, Millis now_ms, bool* took) {
    const auto before = findAddress(connection, address.key());
    const bool moves = before && before->user != user;
    if (took != nullptr) *took = moves && before->verified;
    if (moves && !claim.may_take) again("the address was taken meanwhile");
    // Always in the same order, so that two moves across do not wait for each other.
    if (moves && before->user < user && !lockAccount(connection, before->user))
        again("the other owner went away");
    if (!lockAccount(connection, user)) return false;
    if (moves && before->user > user && !lockAccount(connection, before->user))
        again("the other owner went away");

    const std::int64_t type = claim.type == AddressType::Primary ? 1 : 0;
    const std::int64_t verified = claim.verified ? 1 : 0;
    if (before && !moves) {
        connection.execute(
            "UPDATE address SET spelling = ?, type = ?, verified = ?"
            " WHERE address_key = ? AND user_id = ?",
            {address.spelling(), type, verified, address.key(), user});
        // It may have moved before the lock was ours.
        const auto now = findAddress(connection, address.key());
        if (!now || now->user != user) again("the address moved");
        return true;
    }
    const auto revision =
        connection.first("SELECT revision FROM account WHERE id = ?", {user})->number(0);
    if (!before) {
        connection.execute(
            "INSERT INTO address (id, address_key, spelling, user_id, type, verified, seq,"
            " added_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            {makeKey(random), address.key(), address.spelling(), user, type, verified, revision,
             now_ms});
        return true;
    }
    if (connection.execute("UPDATE address SET user_id = ?, spelling = ?, type = ?, verified = ?,"
                           " seq = ?, added_ms = ? WHERE id = ? AND user_id = ?",
                           {user, address.spelling(), type, verified, revision, now_ms, before->id,
                            before->user}) != 1)
        again("the address moved");
    if (!deleteIfEmpty(connection, before->user)) endSessions(connection, before->user);
    return true;
}

std::optional<StagedRow> findStaged(Connection& connection, std::string_view digest) {
    const auto row = connection.first(kStagedColumns + "digest = ?", {std::string(digest)});
    return row ? std::optional(stagedFrom(*row)) : std::nullopt;
}

std::optional<StagedRow> findStagedFor(Connection& connection, std::string_view key) {
    const auto row = connection.first(kStagedColumns + "address_key = ?", {std::string(key)});
    return row ? std::optional(stagedFrom(*row)) : std::nullopt;
}

std::optional<UsedToken> findUsed(Connection& connection, std::string_view digest) {
    const auto row =
        connection.first("SELECT kind, user_id, spelling, used_ms FROM used_token WHERE digest = ?",
                         {std::string(digest)});
    if (!row) return std::nullopt;
    return UsedToken{static_cast<StagedKind>(row->number(0)), row->number(1), row->text(2),
                     row->number(3)};
}

std::optional<Failure> countMail(Connection& connection, std::string_view key, int cap,
                                 Millis now_ms) {
    const std::string digest = tokenDigest(key);
    const auto row = connection.first(
        "SELECT mails, window_start_ms FROM mail_budget WHERE digest = ?", {digest});
    if (!row) {
        connection.execute(
            "INSERT INTO mail_budget (digest, mails, window_start_ms) VALUES (?, 1, ?)",
            {digest, now_ms});
        return std::nullopt;
    }
    const auto mails = row->number(0);
    const auto start = row->number(1);
    const bool over = now_ms - start >= kDayMs;
    if (!over && cap > 0 && mails >= cap)
        return fail(Reason::Throttled, std::max<Millis>(1, start + kDayMs - now_ms));
    if (connection.execute("UPDATE mail_budget SET mails = ?, window_start_ms = ?"
                           " WHERE digest = ? AND mails = ? AND window_start_ms = ?",
                           {over ? 1 : mails + 1, over ? now_ms : start, digest, mails, start}) !=
        1)
        again("another mail to that address was counted");
    return std::nullopt;
}

std::string insertNotice(Connection& connection, const Random& random, NoticeKind kind,
                         const std::optional<std::string>& staged_id,
                         const std::optional<UserId>& user, std::string_view key, Millis now_ms,
                         Millis lifetime_ms) {
    auto token = makeToken(random);
    connection.execute(
        "INSERT INTO notice (digest, kind, staged_id, user_id, address_key, created_ms,"
        " expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        {tokenDigest(token), std::int64_t(kind), orNull(staged_id), orNull(user), std::string(key),
         now_ms, now_ms + lifetime_ms});
    return token;
}

}  // namespace persona::accounts
