#include "libs/wsapi/role_parts.h"

namespace persona::wsapi {

namespace {

passwords::Hasher makeHasher(const Settings& s) {
    auto options = s.passwords;
    options.secret = orThrow(loadOrCreateKeyRing(s.password_secrets)).front();
    return orThrow(passwords::Hasher::create(std::move(options)));
}

}  // namespace

RoleParts::RoleParts(const Settings& s, RolePorts ports)
    : cookie_secrets(orThrow(loadOrCreateKeyRing(s.cookie_secrets))),
      role_secrets(orThrow(loadOrCreateKeyRing(s.roles_secrets))),
      classes(orThrow(loadOrCreateKeyRing(s.class_secrets)), s.secure()),
      sessions({s.public_url, cookie_secrets, s.authentication_duration_ms,
                s.ephemeral_session_duration_ms}),
      devices(cookie_secrets, s.secure()),
      checker(role_secrets, ports.role),
      roles(role_secrets, ports.role, std::move(ports.transport), std::move(ports.now_ms)),
      hasher(makeHasher(s)),
      domain_keys(s.public_key_file),
      discovery(orThrow(discovery::optionsOf(s.discovery, s.keys)),
                {std::move(ports.fetch), std::move(ports.monotonic_ms), std::move(ports.on_seen)}),
      provider([this](const std::string& domain, bool at_hand,
                      std::function<void(protocol::DiscoveredPtr)> done) {
          discovery.find(domain, std::move(done), at_hand);
      }) {
    (void)orThrow(domain_keys.refresh());
    proof_.audience = s.public_url;
    proof_.disable_primary_support = s.discovery.disable_primary_support;
    auto& v = proof_.verify;
    v.hostname = s.own_host;
    v.keys = s.keys;
    v.allow_ports = s.discovery.allow_domains_with_port;
    v.idp_offline_grace_period_ms = s.grace_ms;
    v.seen_keys = std::make_shared<protocol::KeyCache>(1'024);
}

std::shared_ptr<const ProofOptions> RoleParts::proof() const {
    auto out = std::make_shared<ProofOptions>(proof_);
    out->verify.own_keys = domain_keys.keys()->all();
    return out;
}

EpochPort RoleParts::epochOf(const accounts::Reader& reader) {
    return [&reader](std::int64_t userid) -> Result<std::optional<std::int64_t>> {
        const auto epoch = reader.sessionEpoch(userid);
        if (!epoch) return Error{epoch.error()};
        return *epoch;
    };
}

}  // namespace persona::wsapi
