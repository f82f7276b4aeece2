#include "libs/protocol/names.h"
#include "plugins/browserid/reads.h"

/// have_email, address_info, discovery (wsapi.md 4.1, 4.5).
namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Call;
using wsapi::Step;

void noteKnown(Call& call, bool known) {
    call.outcomes.note(known ? wsapi::Outcome::AddressKnown : wsapi::Outcome::AddressUnknown);
}

Step haveEmail(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return wsapi::failure("email: ValidatorError: Invalid email", 400);
    const auto info = r.reader.emailInfo(*address);
    if (!info) {
        r.events.security(wsapi::Events::Level::Alert, "DB_FAILURE", "emailKnown failed",
                          &call.request);
        return wsapi::databaseDown();
    }
    noteKnown(call, info->has_value());
    return wsapi::jsonAnswer(Json::object().add("email_known", info->has_value()));
}

Step addressInfo(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return wsapi::failure("email: ValidatorError: Invalid email", 400);
    const std::string domain(address->domain());
    wsapi::AddressQuestion q;
    q.forced_issuer = call.text("issuer");
    if (q.forced_issuer == "default") q.forced_issuer.clear();
    if (!q.forced_issuer.empty() && !r.settings.mayForce(q.forced_issuer))
        return wsapi::failure("issuer: not one that may be forced", 400);
    q.own_host = r.settings.own_host;
    q.now_ms = call.now_ms;
    q.grace_ms = r.settings.grace_ms;
    const auto info = r.reader.emailInfo(*address);
    if (!info) return wsapi::databaseDown();
    noteKnown(call, info->has_value());
    if (*info)
        q.known = {(*info)->has_password, (*info)->type == accounts::AddressType::Primary,
                   (*info)->verified, (*info)->address};
    if (!q.forced_issuer.empty()) return wsapi::jsonAnswer(wsapi::addressInfo(q).response);
    const auto seen = r.reader.idpLastSeen(domain);
    if (!seen) return wsapi::databaseDown();
    q.idp_last_seen_ms = *seen;
    return wsapi::withProvider(
        r.provider, call, domain,
        [&r, q, domain](Call& c, const protocol::Discovered& found) mutable -> Step {
            q.support = wsapi::supportOf(found);
            q.authentication = found.authentication;
            q.provisioning = found.provisioning;
            q.issuer = found.authority;
            const auto answer = wsapi::addressInfo(q);
            if (answer.forget_idp) {
                r.forget_provider(domain);
                r.writeLater(c, "forget_idp", Json::object().add("domain", domain));
            }
            return wsapi::jsonAnswer(answer.response);
        });
}

/// What a site's tools ask for: the provider of a domain, or this service where there is none.
Step discovery(const Reads& r, Call& call) {
    return wsapi::withProvider(
        r.provider, call, protocol::toLower(call.text("domain")),
        [&r](Call&, const protocol::Discovered& found) -> Step {
            const bool primary = found.type == protocol::Discovered::Type::Primary;
            const auto own_keys = r.domain_keys.keys();
            const auto& key = primary ? found.keys.front() : own_keys->current;
            const auto& own = r.settings.public_url;
            return wsapi::jsonAnswer(
                Json::object()
                    .add("public-key", *Json::parse(key.canonical()))
                    .add("authentication", primary ? found.authentication : own + "/auth#NATIVE")
                    .add("provisioning", primary ? found.provisioning : own + "/provision"));
        });
}

}  // namespace

void addLookupCalls(wsapi::Api& api, const Reads& r) {
    api.on("have_email", [&r](Call& c) { return haveEmail(r, c); });
    api.on("address_info", [&r](Call& c) { return addressInfo(r, c); });
    api.on("discovery", [&r](Call& c) { return discovery(r, c); });
}

}  // namespace persona::browserid
