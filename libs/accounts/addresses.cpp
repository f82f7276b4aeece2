// Addresses and accounts as wholes (wsapi.md 5.3, 5.4; W13, W14).

#include "libs/accounts/rows.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

namespace {

constexpr Claim kProvenByIdp{AddressType::Primary, true, true};

}  // namespace

Outcome<Writer::Opened> Writer::createUserWithPrimaryEmail(const Address& address, Millis now_ms) {
    return transact(
        database_, [address, random = random_, now_ms](Connection& connection) -> Outcome<Opened> {
            const auto known = findAddress(connection, address.key());
            if (known && known->verified)
                return Opened{known->user, sessionEpochOf(connection, known->user), false};
            // Nobody has proven this address in that account; this caller just did. Locked, and
            // looked at once more: its owner may be proving it this very moment.
            if (known && !lockAccount(connection, known->user)) again("the account went away");
            if (known && findAddress(connection, address.key()) != known)
                again("the address was proven or moved");
            // Where another address was proven the account is somebody else's, who keeps it.
            if (known && !hasProvenAddress(connection, known->user)) {
                if (!claimAddress(connection, random, address, known->user,
                                  {AddressType::Primary, true, false}, now_ms))
                    again("the account went away");
                connection.execute(
                    "UPDATE account SET password_hash = NULL, password_set_ms = ? WHERE id = ?",
                    {now_ms, known->user});
                connection.execute("DELETE FROM staged WHERE user_id = ?", {known->user});
                clearTries(connection, known->user);
                endSessions(connection, known->user);
                return Opened{known->user, sessionEpochOf(connection, known->user), true};
            }
            const UserId user = insertAccount(connection, random, std::nullopt, now_ms);
            if (!claimAddress(connection, random, address, user,
                              {AddressType::Primary, true, known.has_value()}, now_ms))
                again("the account went away");
            return Opened{user, sessionEpochOf(connection, user), true};
        });
}

Outcome<bool> Writer::importAccount(const ImportedAccount& account, Millis now_ms) {
    return transact(database_, [=, random = random_](Connection& connection) -> Outcome<bool> {
        if (account.addresses.empty()) return false;
        for (const auto& entry : account.addresses)
            if (findAddress(connection, entry.address.key())) return false;
        const UserId user = insertAccount(connection, random, account.password_hash, now_ms);
        for (const auto& entry : account.addresses)
            if (!claimAddress(connection, random, entry.address, user,
                              {entry.type, entry.verified, false}, now_ms))
                again("the account went away");
        return true;
    });
}

Outcome<bool> Writer::addPrimaryEmail(UserId user, const Address& address, Millis now_ms) {
    return transact(database_, [=, random = random_](Connection& connection) -> Outcome<bool> {
        bool took = false;
        if (!claimAddress(connection, random, address, user, kProvenByIdp, now_ms, &took))
            return fail(Reason::NotFound);
        return took;
    });
}

Outcome<Done> Writer::setUsedAs(UserId user, const Address& address, AddressType type) {
    return transact(database_, [=](Connection& connection) -> Outcome<Done> {
        const auto known = findAddress(connection, address.key());
        if (!known || known->user != user) return fail(Reason::NotOwner);
        if (known->type != type &&
            connection.execute(
                "UPDATE address SET type = ? WHERE id = ? AND user_id = ?",
                {std::int64_t(type == AddressType::Primary ? 1 : 0), known->id, user}) != 1)
            again("the address moved, or was used by another at the same time");
        return Done{};
    });
}

Outcome<bool> Writer::removeEmail(UserId user, const Address& address, Millis) {
    return transact(database_, [=](Connection& connection) -> Outcome<bool> {
        if (!lockAccount(connection, user)) return fail(Reason::NotOwner);
        if (connection.execute("DELETE FROM address WHERE address_key = ? AND user_id = ?",
                               {address.key(), user}) != 1)
            return fail(Reason::NotOwner);
        // What was pending for it on this account has nothing left to work on.
        connection.execute("DELETE FROM staged WHERE address_key = ? AND user_id = ?",
                           {address.key(), user});
        return deleteIfEmpty(connection, user);
    });
}

Outcome<Done> Writer::cancelAccount(UserId user) {
    return transact(database_, [user](Connection& connection) -> Outcome<Done> {
        if (!lockAccount(connection, user)) return fail(Reason::NotFound);
        deleteAccount(connection, user);
        return Done{};
    });
}

Outcome<std::int64_t> Writer::revokeSessions(UserId user) {
    return transact(database_, [user](Connection& connection) -> Outcome<std::int64_t> {
        if (!lockAccount(connection, user)) return fail(Reason::NotFound);
        endSessions(connection, user);
        dropAdditions(connection, user);
        return sessionEpochOf(connection, user);
    });
}

}  // namespace persona::accounts
