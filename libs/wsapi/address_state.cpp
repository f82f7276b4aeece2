#include "libs/wsapi/address_state.h"

namespace persona::wsapi {

namespace {

bool isWithinGrace(std::optional<std::int64_t> seen, std::int64_t now, std::int64_t grace) {
    return seen && now - *seen < grace;
}

const char* stateOf(const AddressQuestion& q, bool primary) {
    if (!q.known) return "unknown";
    const auto& known = *q.known;
    if (!q.forced_issuer.empty()) return known.has_password ? "known" : "transition_no_password";
    if (isOffline(q.support, q.idp_last_seen_ms, q.now_ms, q.grace_ms)) return "offline";
    if (!primary && !known.verified) return "unverified";
    if (known.last_used_as_primary) {
        if (primary) return "known";
        return known.has_password ? "transition_to_secondary" : "transition_no_password";
    }
    if (primary) return "transition_to_primary";
    return known.has_password ? "known" : "transition_no_password";
}

}  // namespace

bool isOffline(Support now, std::optional<std::int64_t> last_seen_ms, std::int64_t now_ms,
               std::int64_t grace_ms) {
    return now == Support::Error && isWithinGrace(last_seen_ms, now_ms, grace_ms);
}

AddressAnswer addressInfo(const AddressQuestion& q) {
    const bool forced = !q.forced_issuer.empty();
    const bool primary = !forced && q.support == Support::Supported;
    const bool disabled = !forced && q.support == Support::Disabled;
    AddressAnswer out{protocol::Json::object(), false};
    auto& r = out.response;
    if (primary) {
        r.add("auth", q.authentication).add("prov", q.provisioning);
        r.add("type", "primary").add("issuer", q.issuer);
    } else {
        r.add("type", "secondary").add("issuer", forced ? q.forced_issuer : q.own_host);
        r.add("disabled", disabled);
    }
    if (q.known) r.add("normalizedEmail", q.known->spelling);
    r.add("state", stateOf(q, primary));
    out.forget_idp = !forced && q.idp_last_seen_ms &&
                     (disabled || !isWithinGrace(q.idp_last_seen_ms, q.now_ms, q.grace_ms));
    return out;
}

}  // namespace persona::wsapi
