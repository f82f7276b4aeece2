#include "plugins/browserid/reads.h"

/// cert_key: who may have a certificate (protocol.md section 2); keysigner then makes it.
namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Call;
using wsapi::Step;

Step askKeysigner(const Reads& r, Call& call, const accounts::EmailInfo& info,
                  const std::string& force) {
    Json body = Json::object();
    body.add("email", info.address).add("pubkey", call.text("pubkey"));
    body.add("ephemeral", call.flag("ephemeral"));
    if (!force.empty()) body.add("forceIssuer", force);
    if (!info.verified) body.add("unverified", true);
    auto got = r.roles.post("keysigner", r.keysigner, "cert_key", body);
    // A refusal of our own credentials is our trouble, not the caller's.
    if (got.status == 0 || got.status == 403) return wsapi::refusal(500, "can't contact keysigner");
    // Only a certificate that was issued is a use: refusals leave what is known of the address
    // alone.
    if (got.status == 200 && info.type != accounts::AddressType::Secondary)
        r.writeLater(call, "user_used_email_as",
                     Json::object()
                         .add("userid", call.session.userid)
                         .add("email", info.address)
                         .add("used_as", "secondary"));
    wsapi::Answer out = wsapi::textAnswer(got.status, std::move(got.body));
    if (got.status == 200)
        out.content_type = "text/plain";
    else if (!got.content_type.empty())
        out.content_type = got.content_type;
    return out;
}

Step certKey(const Reads& r, Call& call) {
    const auto address = accounts::Address::parse(call.text("email"));
    if (!address) return wsapi::failure("email: ValidatorError: Invalid email", 400);
    const auto found = r.reader.emailInfo(*address);
    if (!found) return wsapi::databaseDown();
    if (!*found || (*found)->user != call.session.userid)
        return wsapi::refusal(400, "that email does not belong to you");
    const auto& info = **found;
    if (!info.verified && !(r.settings.allow_unverified && call.flag("allowUnverified")))
        return wsapi::refusal(403, "that email requires (re)verification");
    auto force = call.text("forceIssuer");
    if (force == "default") force.clear();
    if (!force.empty() && !r.settings.mayForce(force))
        return wsapi::refusal(400, "Invalid issuer, unable to issue certificate");
    const auto issue = [&r, info, force](Call& c) { return askKeysigner(r, c, info, force); };
    if (!force.empty()) return issue(call);
    const std::string domain(address->domain());
    const auto seen = r.reader.idpLastSeen(domain);
    if (!seen) return wsapi::databaseDown();
    return wsapi::withProvider(
        r.provider, call, domain,
        [&r, issue, seen = *seen](Call& c, const protocol::Discovered& found) -> Step {
            if (wsapi::isBackedByPrimary(wsapi::supportOf(found), seen, c.now_ms,
                                         r.settings.grace_ms))
                return wsapi::refusal(400, "that email is backed by a primary");
            return issue(c);
        });
}

}  // namespace

void addCertificateCalls(wsapi::Api& api, const Reads& r) {
    api.on("cert_key", [&r](Call& c) { return certKey(r, c); });
}

}  // namespace persona::browserid
