// Memory of identity providers (W34), and the removal of what has expired (W17).

#include "libs/accounts/rows.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

namespace {

constexpr Millis kHourMs = 3600LL * 1000;

/// By key, and few at a time: no statement locks more than it deletes.
int purgeTable(Connection& connection, const char* table, const char* key, const char* column,
               Millis before_ms, int batch) {
    const auto rows =
        connection.query(std::string("SELECT ") + key + " FROM " + table + " WHERE " + column +
                             " <= ? ORDER BY " + column + " LIMIT " + std::to_string(batch),
                         {before_ms});
    int deleted = 0;
    for (const auto& row : rows)
        deleted += static_cast<int>(connection.execute(
            std::string("DELETE FROM ") + table + " WHERE " + key + " = ? AND " + column + " <= ?",
            {row.text(0), before_ms}));
    return deleted;
}

}  // namespace

Outcome<Done> Writer::sawIdp(std::string_view domain, Millis now_ms) {
    return transact(
        database_,
        [domain = std::string(domain), random = random_,
         now_ms](Connection& connection) -> Outcome<Done> {
            const auto row =
                connection.first("SELECT id, last_seen_ms FROM idp WHERE domain = ?", {domain});
            if (!row)
                connection.execute("INSERT INTO idp (id, domain, last_seen_ms) VALUES (?, ?, ?)",
                                   {makeKey(random), domain, now_ms});
            else if (now_ms - row->number(1) >= kHourMs)
                connection.execute(
                    "UPDATE idp SET last_seen_ms = ? WHERE id = ? AND last_seen_ms < ?",
                    {now_ms, row->text(0), now_ms});
            return Done{};
        });
}

Outcome<Done> Writer::forgetIdp(std::string_view domain) {
    return transact(database_,
                    [domain = std::string(domain)](Connection& connection) -> Outcome<Done> {
                        connection.execute("DELETE FROM idp WHERE domain = ?", {domain});
                        return Done{};
                    });
}

Outcome<int> Writer::purge(Millis now_ms, int batch) {
    return transact(database_, [now_ms, batch](Connection& c) -> Outcome<int> {
        return purgeTable(c, "staged", "id", "expires_ms", now_ms, batch) +
               purgeTable(c, "used_token", "digest", "expires_ms", now_ms, batch) +
               purgeTable(c, "notice", "digest", "expires_ms", now_ms, batch) +
               purgeTable(c, "mail_budget", "digest", "window_start_ms", now_ms - 24 * kHourMs,
                          batch) +
               purgeTable(c, "device", "digest", "window_start_ms", now_ms - kHourMs, batch);
    });
}

}  // namespace persona::accounts
