// Tries at passwords, counted before any hashing (wsapi.md W3, W4; anti-abuse.md 3.4).

#include <algorithm>

#include "libs/accounts/rows.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

namespace {

constexpr Millis kHourMs = 3600LL * 1000;
constexpr Millis kDayMs = 24 * kHourMs;

std::string deviceDigest(UserId user, const std::string& device) {
    return tokenDigest(std::to_string(user) + ":" + device);
}

/// Counts on that device. False: it has used up its tries of this hour. The account is locked.
bool countOnDevice(Connection& connection, UserId user, const std::string& device, int limit,
                   Millis now_ms) {
    const auto digest = deviceDigest(user, device);
    const auto row =
        connection.first("SELECT tries, window_start_ms FROM device WHERE digest = ?", {digest});
    if (!row) {
        if (limit < 1) return false;
        connection.execute(
            "INSERT INTO device (digest, user_id, tries, window_start_ms) VALUES (?, ?, 1, ?)",
            {digest, user, now_ms});
        return true;
    }
    const bool over = now_ms - row->number(1) >= kHourMs;
    const auto tries = over ? 0 : row->number(0);
    if (tries >= limit) return false;
    connection.execute("UPDATE device SET tries = ?, window_start_ms = ? WHERE digest = ?",
                       {tries + 1, over ? now_ms : row->number(1), digest});
    return true;
}

/// Counts in the pool that all untrusted devices share. The account is locked.
std::optional<Failure> countInPool(Connection& connection, UserId user, const LoginLimits& limits,
                                   Millis now_ms, LoginAttempt& attempt) {
    const auto row = connection.first(
        "SELECT failed_tries, window_tries, window_start_ms FROM account WHERE id = ?", {user});
    const auto failed = row->number(0);
    const bool over = now_ms - row->number(2) >= kDayMs;
    const auto tries = over ? 0 : row->number(1);
    const auto start = over ? now_ms : row->number(2);
    if (failed >= limits.consecutive) return fail(Reason::Locked);
    if (tries >= limits.daily)
        return fail(Reason::Locked, std::max<Millis>(1, start + kDayMs - now_ms));
    connection.execute(
        "UPDATE account SET failed_tries = ?, window_tries = ?, window_start_ms = ? WHERE id = ?",
        {failed + 1, tries + 1, start, user});
    attempt.user.failed_tries = static_cast<int>(failed + 1);
    attempt.challenge_wanted = failed >= limits.free;
    return std::nullopt;
}

}  // namespace

Outcome<LoginAttempt> Writer::reserveLoginAttempt(UserId user,
                                                  const std::optional<std::string>& device,
                                                  LoginLimits limits, Millis now_ms) {
    return transact(database_, [=](Connection& connection) -> Outcome<LoginAttempt> {
        if (!lockAccount(connection, user)) return fail(Reason::NotFound);
        LoginAttempt attempt;
        attempt.user = *findUser(connection, user);
        if (device && countOnDevice(connection, user, *device, limits.device_per_hour, now_ms)) {
            attempt.device = device;
            return attempt;
        }
        if (auto locked = countInPool(connection, user, limits, now_ms, attempt)) return *locked;
        return attempt;
    });
}

Outcome<std::int64_t> Writer::loginSucceeded(const LoginAttempt& attempt,
                                             const LoginSuccess& success, Millis) {
    return transact(database_, [attempt, success](Connection& connection) -> Outcome<std::int64_t> {
        const UserId id = attempt.user.id;
        const auto user = findUser(connection, id);
        if (!user || !user->password_hash || user->password_hash != attempt.user.password_hash)
            return fail(Reason::WrongPassword);
        if (attempt.device)
            connection.execute("DELETE FROM device WHERE digest = ?",
                               {deviceDigest(id, *attempt.device)});
        if (user->failed_tries > 0 || !attempt.device || success.rehash) {
            // The try comes back to the day's allowance; those of others stay spent.
            const std::int64_t back = attempt.device ? 0 : 1;
            if (connection.execute(
                    "UPDATE account SET failed_tries = 0, revision = revision + 1,"
                    " window_tries = CASE WHEN window_tries > ? THEN window_tries - ? ELSE 0 END,"
                    " password_hash = ? WHERE id = ? AND password_hash = ?",
                    {back, back, success.rehash.value_or(*user->password_hash), id,
                     *user->password_hash}) != 1)
                again("the password was changed");
        }
        return user->session_epoch;
    });
}

Outcome<std::int64_t> Writer::updatePassword(UserId user, const std::string& old_hash,
                                             const std::string& new_hash, bool end_sessions,
                                             Millis now_ms) {
    return transact(database_, [=](Connection& connection) -> Outcome<std::int64_t> {
        if (!lockAccount(connection, user)) return fail(Reason::NotFound);
        if (findUser(connection, user)->password_hash != old_hash)
            return fail(Reason::WrongPassword);
        connection.execute(
            "UPDATE account SET password_hash = ?, password_set_ms = ?,"
            " session_epoch = session_epoch + ? WHERE id = ?",
            {new_hash, now_ms, std::int64_t(end_sessions ? 1 : 0), user});
        clearTries(connection, user);
        return sessionEpochOf(connection, user);
    });
}

Outcome<Done> Writer::unlock(UserId user) {
    return transact(database_, [user](Connection& connection) -> Outcome<Done> {
        if (!lockAccount(connection, user)) return fail(Reason::NotFound);
        clearTries(connection, user);
        return Done{};
    });
}

}  // namespace persona::accounts
