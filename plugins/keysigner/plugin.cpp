#include <persona/sdk/service.hpp>

#include <optional>

#include "libs/wsapi/bind.h"
#include "libs/wsapi/form.h"
#include "libs/wsapi/secret_file.h"
#include "plugins/keysigner/certify.h"

/// The role that alone holds the domain's private key.
namespace persona::keysigner {

class Keysigner final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service, such as https://login.example", PSN_OPT_REQUIRED),
            sdk::option("domain_key.file", PSN_OPT_STRING, "var/domain-key.pem",
                        "PEM file of the private key; made on first start"),
            sdk::option("domain_key.public_file", PSN_OPT_STRING, "var/domain-key.public.json",
                        "where its public half is written"),
            sdk::option("domain_key.algorithm", PSN_OPT_ENUM, "RS256",
                        "kind of key made on first start", 0, 0, 0, "RS256|ES256"),
            sdk::option("secrets.roles", PSN_OPT_STRING, "var/secrets/roles",
                        "file of the secret by which roles know each other; made on first start"),
            sdk::option("test_open_roles", PSN_OPT_BOOL, "false",
                        "take calls without the credentials of a role; for test tools"),
            sdk::option("forcible_issuers", PSN_OPT_LIST, "", "issuer names that a site may force"),
            sdk::option("extension_algorithms", PSN_OPT_LIST, "",
                        "of ES256 and Ed25519: families beyond RS and DS"),
            sdk::option("certificate_validity", PSN_OPT_DURATION, "24h", "life of a certificate", 0,
                        60'000, 86'400'000),
            sdk::option("ephemeral_session_duration", PSN_OPT_DURATION, "1h",
                        "life of a certificate for a shared computer", 0, 60'000, 86'400'000),
            sdk::option("iat_backdate", PSN_OPT_DURATION, "0s",
                        "how far certificates are dated back for slow clocks elsewhere", 0, 0,
                        600'000)};
    }

    Keysigner(const psn_host* h, const psn_config* c)
        : Service(h, c),
          open_roles_(config.flag("test_open_roles")),
          time_(host.timing("certification_time")),
          refused_(host.counter("refused_calls")) {
        options_.issuer = wsapi::hostOf(config.str("public_url"));
        if (options_.issuer.empty())
            throw std::runtime_error(
                "public_url: expected an origin such as https://login.example");
        for (const auto& [k, v] : config.items("forcible_issuers"))
            options_.forcible_issuers.push_back(v);
        for (const auto& [k, v] : config.items("extension_algorithms")) {
            if (v != "ES256" && v != "Ed25519")
                throw std::runtime_error("extension_algorithms: expected ES256 or Ed25519, got " +
                                         v);
            (v == "ES256" ? options_.keys.allow_es256 : options_.keys.allow_ed25519) = true;
        }
        options_.certificate_validity_ms = config.num("certificate_validity");
        options_.ephemeral_session_duration_ms = config.num("ephemeral_session_duration");
        options_.iat_backdate_ms = config.num("iat_backdate");
        RouteOptions post;
        post.body = PSN_BODY_BUFFER;
        post.max_body = 32 * 1024;
        post.blocking = true;
        route("POST", "/wsapi/cert_key", "cert_key", post,
              [this](const sdk::Stream& s) { handle(s); });
    }

    void activate() override {
        const auto algorithm = config.str("domain_key.algorithm") == "ES256"
                                   ? protocol::Algorithm::ES256
                                   : protocol::Algorithm::RS256;
        auto key =
            domainkey::loadOrCreate(config.str("domain_key.file"),
                                    config.str("domain_key.public_file"), algorithm, host.wallMs());
        if (!key) throw std::runtime_error(key.error());
        key_.emplace(std::move(*key));
        const auto secrets = wsapi::loadOrCreateKeyRing(config.str("secrets.roles"));
        if (!secrets) throw std::runtime_error(secrets.error());
        credentials_.emplace(*secrets, "keysigner");
    }

  private:
    void handle(const sdk::Stream& s) {
        // Wherever a request comes from, its origin proves nothing: the router hands on those from
        // outside without a socket too.
        if (!open_roles_) {
            const auto why = credentials_->check(
                wsapi::credentialOf(s), {{}, s.method(), sdk::view(s.request().target), s.body()},
                host.wallMs());
            if (!why.empty()) {
                refused_.add();
                host.warn("cert_key refused: " + why);
                s.text(403, "Forbidden: only roles of this service may call this");
                return;
            }
        }
        const auto start = host.monotonicNs();
        const auto a = certify(s.header("content-type"), s.body(), *key_, options_, host.wallMs());
        time_.observe(static_cast<double>(host.monotonicNs() - start) / 1e6);
        if (a.json)
            s.json(a.status, a.body);
        else
            s.text(a.status, a.body);
    }
    CertifyOptions options_;
    std::optional<domainkey::DomainKey> key_;
    std::optional<wsapi::CredentialChecker> credentials_;
    const bool open_roles_;
    sdk::Metric time_, refused_;
};

}  // namespace persona::keysigner

PSN_SERVICE_PLUGIN(
    persona::keysigner::Keysigner,
    R"({"id":"keysigner","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
