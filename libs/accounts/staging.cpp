// stage_*: what is to be done once a mailbox has been proven (wsapi.md 4.3, 5.3; W1, W5, W12).

#include <utility>

#include "libs/accounts/rows.h"
#include "libs/accounts/writer.h"

namespace persona::accounts {

namespace {

constexpr std::size_t kMaxSite = 320;

struct Request {
    Address address;
    StagedKind kind;
    std::optional<UserId> user;
    std::optional<std::string> hash;
    std::string site;
    StageLimits limits;
    Millis now_ms;
};

/// The last step of every staging: throttles, then one row for the address, with every column new.
Outcome<StagedTokens> stage(Connection& connection, const Random& random, const Request& request) {
    const auto& key = request.address.key();
    const auto& limits = request.limits;
    const Millis now_ms = request.now_ms;
    // The count first: its row makes those that stage for one address at once queue, so that what
    // is pending is looked at when the one before is done. A refusal takes the count back.
    if (auto full = countMail(connection, key, limits.daily_cap, now_ms)) return *full;
    if (const auto pending = findStagedFor(connection, key)) {
        const auto wait = limits.waitAfter(pending->staged.created_ms, now_ms);
        if (wait > 0) return fail(Reason::Throttled, wait);
    }

    connection.execute("DELETE FROM staged WHERE address_key = ?", {key});
    StagedTokens tokens;
    tokens.token = makeToken(random);
    tokens.expires_ms = now_ms + limits.lifetime_ms;
    const auto id = makeKey(random);
    connection.execute(
        "INSERT INTO staged (id, digest, address_key, spelling, kind, user_id, password_hash, site,"
        " tries, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
        {id, tokenDigest(tokens.token), key, request.address.spelling(), std::int64_t(request.kind),
         orNull(request.user), orNull(request.hash), request.site.substr(0, kMaxSite), now_ms,
         tokens.expires_ms});
    // An unverified account can be signed in to before anything is completed: its sessions are
    // among those that the mailbox's owner may end.
    const auto sessions_of =
        request.kind == StagedKind::Unverified ? request.user : std::optional<UserId>();
    tokens.not_me = insertNotice(connection, random, NoticeKind::NotMe, id, sessions_of, key,
                                 now_ms, limits.lifetime_ms);
    return tokens;
}

}  // namespace

Outcome<StagedTokens> Writer::stageNewAccount(const Address& address, std::string hash,
                                              std::string site, StageLimits limits, Millis now_ms) {
    Request request{address, StagedKind::NewAccount, {}, std::move(hash), std::move(site), limits,
                    now_ms};
    return transact(database_, [request, random = random_](Connection& connection) {
        return stage(connection, random, request);
    });
}

Outcome<Writer::Unverified> Writer::stageUnverified(const Address& address, std::string hash,
                                                    std::string site, StageLimits limits,
                                                    Millis now_ms) {
    const Request wanted{
        address, StagedKind::Unverified, {}, std::move(hash), std::move(site), limits, now_ms};
    return transact(
        database_, [wanted, random = random_](Connection& connection) -> Outcome<Unverified> {
            auto request = wanted;
            Unverified out;
            const auto known = findAddress(connection, request.address.key());
            // Unproven in an account of which something is proven: a reset has left it so. Whoever
            // stages here need not be that account's owner.
            if (known && (known->verified || hasProvenAddress(connection, known->user))) {
                request.kind = StagedKind::NewAccount;
            } else if (known) {
                if (!lockAccount(connection, known->user)) again("the account went away");
                if (findAddress(connection, request.address.key()) != known)
                    again("the address was proven or moved");
                out.user = request.user = known->user;
            } else {
                out.created = true;
                out.user = request.user =
                    insertAccount(connection, random, request.hash, request.now_ms);
                if (!claimAddress(connection, random, request.address, *out.user,
                                  {AddressType::Secondary, false, false}, request.now_ms))
                    again("the account went away");
            }
            if (out.user) out.session_epoch = sessionEpochOf(connection, *out.user);
            auto tokens = stage(connection, random, request);
            if (!tokens) return tokens.failure();
            out.tokens = std::move(*tokens);
            return out;
        });
}

Outcome<StagedTokens> Writer::stageEmail(UserId user, const Address& address,
                                         std::optional<std::string> hash, std::string site,
                                         StageLimits limits, Millis now_ms) {
    Request request{address, StagedKind::AddEmail, user, std::move(hash), std::move(site), limits,
                    now_ms};
    return transact(database_, [request, random = random_](Connection& c) -> Outcome<StagedTokens> {
        if (!lockAccount(c, *request.user)) return fail(Reason::NotFound);
        const bool has_password = findUser(c, *request.user)->password_hash.has_value();
        if (!has_password && !request.hash) return fail(Reason::PasswordRequired);
        if (has_password && request.hash) return fail(Reason::PasswordNotAllowed);
        return stage(c, random, request);
    });
}

Outcome<StagedTokens> Writer::stageReverify(UserId user, const Address& address, std::string site,
                                            StageLimits limits, Millis now_ms) {
    Request request{address, StagedKind::Reverify, user, {}, std::move(site), limits, now_ms};
    return transact(database_, [request, random = random_](Connection& c) -> Outcome<StagedTokens> {
        if (!lockAccount(c, *request.user)) return fail(Reason::NotOwner);
        const auto known = findAddress(c, request.address.key());
        if (!known || known->user != *request.user) return fail(Reason::NotOwner);
        if (known->verified) return fail(Reason::AlreadyVerified);
        return stage(c, random, request);
    });
}

namespace {

/// For an operation on the account that has the address now.
Outcome<StagedTokens> stageForOwner(Database& database, const Random& random,
                                    const Request& wanted) {
    return transact(database, [wanted, random](Connection& c) -> Outcome<StagedTokens> {
        auto request = wanted;
        const auto known = findAddress(c, request.address.key());
        if (!known) return fail(Reason::NotFound);
        if (!lockAccount(c, known->user)) again("the account went away");
        if (findAddress(c, request.address.key()) != known) again("the address moved");
        request.user = known->user;
        return stage(c, random, request);
    });
}

}  // namespace

Outcome<StagedTokens> Writer::stageReset(const Address& address, std::string site,
                                         StageLimits limits, Millis now_ms) {
    return stageForOwner(database_, random_,
                         {address, StagedKind::Reset, {}, {}, std::move(site), limits, now_ms});
}

Outcome<StagedTokens> Writer::stageTransition(const Address& address, std::string hash,
                                              std::string site, StageLimits limits, Millis now_ms) {
    return stageForOwner(
        database_, random_,
        {address, StagedKind::Transition, {}, std::move(hash), std::move(site), limits, now_ms});
}

}  // namespace persona::accounts
