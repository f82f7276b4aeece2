#include <persona/sdk/service.hpp>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

#include "libs/domainkey/files.h"
#include "libs/domainkey/key_ring.h"
#include "libs/wsapi/bind.h"
#include "libs/wsapi/form.h"
#include "libs/wsapi/secret_file.h"
#include "plugins/keysigner/signing.h"

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
            sdk::option("domain_key.algorithm", PSN_OPT_ENUM, "RS256", "kind of key that is made",
                        0, 0, 0, "RS256|ES256"),
            sdk::option("domain_key.rotate_after", PSN_OPT_DURATION, "0s",
                        "age at which the key is replaced; 0: only on request"),
            sdk::option("domain_key.rotation_lead", PSN_OPT_DURATION, "6h",
                        "how long the next key is published before it signs: as long as anyone "
                        "keeps our support document",
                        0, 0, 7 * 86'400'000LL),
            sdk::option("domain_key.pkcs11.module", PSN_OPT_STRING, "",
                        "PKCS#11 module: the key is in a token, and domain_key.file only names "
                        "the request for a rotation"),
            sdk::option("domain_key.pkcs11.token", PSN_OPT_STRING, "persona", "label of the token"),
            sdk::option("domain_key.pkcs11.label", PSN_OPT_STRING, "domain-key",
                        "label of the key pair in it; made on first start"),
            sdk::option("domain_key.pkcs11.pin_file", PSN_OPT_STRING, "",
                        "file with the PIN, mode 0600"),
            sdk::option("domain_key.pkcs11.pin", PSN_OPT_STRING, "",
                        "the PIN itself, for the environment: PERSONA_DOMAIN_KEY__PKCS11__PIN",
                        PSN_OPT_SECRET),
            sdk::option("secrets.roles", PSN_OPT_STRING, "var/secrets/roles",
                        "file of the secret by which roles know each other; made on first start"),
            sdk::option("test_open_roles", PSN_OPT_BOOL, "false",
                        "take calls without the credentials of a role; for test tools",
                        PSN_OPT_LOOPBACK),
            sdk::option("forcible_issuers", PSN_OPT_LIST, "[fxos.login.persona.org]",
                        "issuer names that a site may force"),
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
        command({"keys list", "", "the domain's keys that count, as the support document has them",
                 0, 0, false, [this](const sdk::CommandCall& call) {
                     call.say(ring_->published()->toText() + "\n");
                 }});
        command({"keys rotate", "", "asks for a new key: it is published at once, and signs later",
                 0, 0, true, [this](const sdk::CommandCall& call) { askForRotation(call); }});
        route("GET", "/__keys__", "keys", {}, [this](const sdk::Stream& s) {
            s.respond(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                      ring_->published()->toText());
        });
    }

    void activate() override {
        domainkey::RingOptions ring;
        ring.public_file = config.str("domain_key.public_file");
        ring.algorithm = config.str("domain_key.algorithm") == "ES256" ? protocol::Algorithm::ES256
                                                                       : protocol::Algorithm::RS256;
        ring.rotate_after_ms = config.num("domain_key.rotate_after");
        ring.lead_ms = config.num("domain_key.rotation_lead");
        // Longer than any certificate lives, for clocks that are slow.
        ring.keep_ms = options_.certificate_validity_ms + 3'600'000;
        auto opened = domainkey::KeyRing::open(keyStore(), ring, host.wallMs());
        if (!opened) throw std::runtime_error(opened.error());
        ring_ = std::move(*opened);
        signing_.emplace(*ring_);
        std::uint64_t id = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000,
                [](void* self) { static_cast<Keysigner*>(self)->advance(); }, this, &id) != PSN_OK)
            throw std::runtime_error("no timer to be had for the rotation of the domain key");
        const auto secrets = wsapi::loadOrCreateKeyRing(config.str("secrets.roles"));
        if (!secrets) throw std::runtime_error(secrets.error());
        credentials_.emplace(*secrets, "keysigner");
    }

    std::string health(bool /*deep*/) override { return signing_->trouble(); }

  private:
    [[nodiscard]] std::unique_ptr<domainkey::KeyStore> keyStore() const {
        const auto file = config.str("domain_key.file");
        const auto module = config.str("domain_key.pkcs11.module");
        if (module.empty()) return domainkey::fileKeyStore(file);
        auto pin = config.str("domain_key.pkcs11.pin");
        if (const auto pin_file = config.str("domain_key.pkcs11.pin_file"); !pin_file.empty()) {
            auto text = domainkey::readSecretFile(pin_file);
            if (!text) throw std::runtime_error("domain_key.pkcs11.pin_file: " + text.error());
            pin = text->substr(0, text->find_first_of("\r\n"));
            OPENSSL_cleanse(text->data(), text->size());
        }
        auto store =
            domainkey::pkcs11KeyStore({module, config.str("domain_key.pkcs11.token"),
                                       config.str("domain_key.pkcs11.label"), file + ".rotate"},
                                      pin);
        OPENSSL_cleanse(pin.data(), pin.size());
        if (!store) throw std::runtime_error(store.error());
        return std::move(*store);
    }

    void askForRotation(const sdk::CommandCall& call) const {
        const auto file = config.str("domain_key.file") + ".rotate";
        const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            throw sdk::Refusal(file + " cannot be made: " + std::strerror(errno) +
                               "; keysigner's user must be able to write its folder");
        ::close(fd);
        const auto lead = config.num("domain_key.rotation_lead") / 1'000;
        call.say(call.json() ? "{\"asked\":true,\"lead_s\":" + std::to_string(lead) + "}\n"
                             : "asked for; the new key signs " + std::to_string(lead) +
                                   " s after it was published. The log says each step.\n");
    }

    /// [control] Making a key takes long, so the step itself is done on the executor.
    void advance() {
        if (advancing_.exchange(true)) return;
        const auto rc = host.submit("", [this](bool late) {
            if (!late) {
                const auto done = ring_->advance(host.wallMs());
                if (!done)
                    host.error("domain key rotation: " + done.error());
                else if (!done->empty())
                    host.info("domain key rotation: " + *done);
            }
            advancing_ = false;
        });
        if (rc != PSN_OK) advancing_ = false;  // busy; there is another second
    }

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
        const auto a =
            signing_->certify(s.header("content-type"), s.body(), options_, host.wallMs());
        time_.observe(static_cast<double>(host.monotonicNs() - start) / 1e6);
        if (!a.trouble.empty()) host.error("cert_key: " + a.trouble);
        if (a.json)
            s.json(a.status, a.body);
        else
            s.text(a.status, a.body);
    }
    CertifyOptions options_;
    std::unique_ptr<domainkey::KeyRing> ring_;
    std::optional<Signing> signing_;
    std::atomic<bool> advancing_{false};
    std::optional<wsapi::CredentialChecker> credentials_;
    const bool open_roles_;
    sdk::Metric time_, refused_;
};

}  // namespace persona::keysigner

PSN_SERVICE_PLUGIN(
    persona::keysigner::Keysigner,
    R"({"id":"keysigner","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
