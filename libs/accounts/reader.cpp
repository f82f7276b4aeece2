#include "libs/accounts/reader.h"

#include "libs/accounts/random.h"
#include "libs/accounts/rows.h"

namespace persona::accounts {

namespace {

const std::string kEmailInfo =
    "SELECT d.user_id, d.type, d.verified, d.spelling, d.added_ms,"
    " CASE WHEN a.password_hash IS NULL THEN 0 ELSE 1 END"
    " FROM address d JOIN account a ON a.id = d.user_id WHERE ";

EmailInfo infoFrom(const Row& row) {
    return {row.number(0), static_cast<AddressType>(row.number(1)), row.number(2) != 0, row.text(3),
            row.number(5) != 0};
}

}  // namespace

Outcome<Done> Reader::ping() const {
    return transact(database_, [](Connection& connection) -> Outcome<Done> {
        (void)connection.query("SELECT version FROM schema_version LIMIT 1");
        return Done{};
    });
}

Outcome<std::optional<EmailInfo>> Reader::emailInfo(const Address& address) const {
    using Maybe = std::optional<EmailInfo>;
    return transact(database_, [key = address.key()](Connection& connection) -> Outcome<Maybe> {
        const auto row = connection.first(kEmailInfo + "d.address_key = ?", {key});
        return row ? Maybe(infoFrom(*row)) : Maybe();
    });
}

Outcome<bool> Reader::userOwnsEmail(UserId user, const Address& address) const {
    return transact(database_,
                    [user, key = address.key()](Connection& connection) -> Outcome<bool> {
                        const auto row = findAddress(connection, key);
                        return row && row->user == user;
                    });
}

Outcome<bool> Reader::sameAccount(const Address& a, const Address& b) const {
    return transact(database_, [a = a.key(), b = b.key()](Connection& c) -> Outcome<bool> {
        const auto first = findAddress(c, a);
        const auto second = findAddress(c, b);
        return first && second && first->user == second->user;
    });
}

Outcome<std::vector<std::string>> Reader::listEmails(UserId user) const {
    using List = std::vector<std::string>;
    return transact(database_, [user](Connection& connection) -> Outcome<List> {
        List out;
        for (const auto& row : connection.query(
                 "SELECT spelling FROM address WHERE user_id = ? ORDER BY seq, id", {user}))
            out.push_back(row.text(0));
        return out;
    });
}

Outcome<std::optional<User>> Reader::user(UserId user) const {
    return transact(database_, [user](Connection& connection) -> Outcome<std::optional<User>> {
        return findUser(connection, user);
    });
}

Outcome<std::optional<std::int64_t>> Reader::sessionEpoch(UserId user) const {
    using Maybe = std::optional<std::int64_t>;
    return transact(database_, [user](Connection& connection) -> Outcome<Maybe> {
        const auto row = connection.first("SELECT session_epoch FROM account WHERE id = ?", {user});
        return row ? Maybe(row->number(0)) : Maybe();
    });
}

Outcome<Staged> Reader::staged(std::string_view token, Millis now_ms) const {
    return transact(database_,
                    [digest = tokenDigest(token), now_ms](Connection& c) -> Outcome<Staged> {
                        const auto row = findStaged(c, digest);
                        if (!row || row->staged.expires_ms <= now_ms)
                            return fail(Reason::NoSuchToken);
                        return row->staged;
                    });
}

Outcome<std::optional<Staged>> Reader::stagedFor(const Address& address, Millis now_ms) const {
    using Maybe = std::optional<Staged>;
    return transact(database_, [key = address.key(), now_ms](Connection& c) -> Outcome<Maybe> {
        const auto row = findStagedFor(c, key);
        return row && row->staged.expires_ms > now_ms ? Maybe(row->staged) : Maybe();
    });
}

Outcome<std::optional<UsedToken>> Reader::usedToken(std::string_view token) const {
    using Maybe = std::optional<UsedToken>;
    return transact(database_, [digest = tokenDigest(token)](Connection& c) -> Outcome<Maybe> {
        return findUsed(c, digest);
    });
}

Outcome<std::optional<Millis>> Reader::idpLastSeen(std::string_view domain) const {
    using Maybe = std::optional<Millis>;
    return transact(database_, [domain = std::string(domain)](Connection& c) -> Outcome<Maybe> {
        const auto row = c.first("SELECT last_seen_ms FROM idp WHERE domain = ?", {domain});
        return row ? Maybe(row->number(0)) : Maybe();
    });
}

Outcome<AccountRecord> Reader::account(UserId user) const {
    return transact(database_, [user](Connection& connection) -> Outcome<AccountRecord> {
        const auto found = findUser(connection, user);
        if (!found) return fail(Reason::NotFound);
        AccountRecord record;
        record.user = *found;
        for (const auto& row :
             connection.query(kEmailInfo + "d.user_id = ? ORDER BY d.seq, d.id", {user}))
            record.addresses.push_back({infoFrom(row), row.number(4)});
        for (const auto& row :
             connection.query("SELECT address_key FROM staged WHERE user_id = ?", {user}))
            if (auto staged = findStagedFor(connection, row.text(0)))
                record.pending.push_back(std::move(staged->staged));
        return record;
    });
}

}  // namespace persona::accounts
