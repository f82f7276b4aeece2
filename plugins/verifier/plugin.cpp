#include <persona/sdk/service.hpp>

#include <atomic>
#include <memory>
#include <optional>

#include "libs/discovery/client_port.h"
#include "libs/discovery/settings.h"
#include "libs/domainkey/public_keys.h"
#include "libs/protocol/names.h"
#include "libs/wsapi/form.h"
#include "plugins/verifier/judge.h"

/// The role that checks assertions (protocol.md 3).
namespace persona::verifier {

class Verifier final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        std::vector<psn_option> rows{
            sdk::option(
                "public_url", PSN_OPT_STRING, "",
                "origin of the service, such as https://login.example; empty: this verifier "
                "stands alone"),
            sdk::option("fallback_domain", PSN_OPT_STRING, "",
                        "standing alone: the service that certifies for domains without support; "
                        "its keys are those it publishes"),
            sdk::option("domain_key.public_file", PSN_OPT_STRING, "var/domain-key.public.json",
                        "file with the domain's public keys"),
            sdk::option("domain_key.upstream", PSN_OPT_STRING, "",
                        "upstream of keysigner, asked for the domain's public keys in place of the "
                        "file"),
            sdk::option("forcible_issuers", PSN_OPT_LIST, "[fxos.login.persona.org]",
                        "issuer names that a site may force"),
            sdk::option("extension_algorithms", PSN_OPT_LIST, "",
                        "of ES256 and Ed25519: families beyond RS and DS"),
            sdk::option("clock_skew", PSN_OPT_DURATION, "0s",
                        "leeway for the times in certificates and assertions", 0, 0, 300'000),
            sdk::option("max_cert_lifetime", PSN_OPT_DURATION, "0s",
                        "longest life of a certificate that is taken; 0s: any", 0, 0,
                        31'536'000'000),
            sdk::option("max_assertion_lifetime", PSN_OPT_DURATION, "0s",
                        "longest life of an assertion that is taken; 0s: any", 0, 0,
                        31'536'000'000),
            sdk::option("certificate_cache", PSN_OPT_INT, "4096",
                        "verified certificates that are remembered", 0, 0, 1'000'000),
            sdk::option("max_waiting", PSN_OPT_INT, "512",
                        "requests that wait for a support document at once; more get 503", 0, 1,
                        100'000)};
        discovery::appendSettings(rows, [](auto... values) { return sdk::option(values...); });
        return rows;
    }

    Verifier(const psn_host* h, const psn_config* c)
        : Service(h, c),
          https_(config.str("public_url").starts_with("https://")),
          key_upstream_(config.str("domain_key.upstream")),
          public_file_(config.str("domain_key.public_file")),
          time_(host.timing("assertion_verification_time")),
          failures_(host.counter("assertion_failure")),
          busy_(host.counter("too_busy")) {
        readOptions();
        auto settings = discovery::settingsOf(config);
        verify_.disable_primary_support = settings.disable_primary_support;
        verify_.allow_ports = settings.allow_domains_with_port;
        // The fallback's own keys are found like any domain's.
        if (verify_.discover_own_keys) settings.disable_primary_support = false;
        auto discover = discovery::optionsOf(settings, verify_.keys);
        if (!discover) throw std::runtime_error(discover.error());
        discovery::Ports ports;
        ports.fetch = discovery::clientPort<sdk::ClientRequest>(
            host, {PSN_OK, PSN_TIMEOUT, PSN_FULL, PSN_CLIENT_ALLOW_PRIVATE});
        ports.now_ms = [this] { return host.monotonicNs() / 1'000'000; };
        discovery_ = std::make_shared<discovery::Discovery>(std::move(*discover), std::move(ports));
        judge_.emplace(std::make_shared<const protocol::VerifyOptions>(verify_),
                       Judge::Ports{discovery_, [this] { return host.wallMs(); }},
                       static_cast<std::size_t>(config.num("max_waiting")));
        RouteOptions post;
        post.body = PSN_BODY_BUFFER;
        post.max_body = kMaxBody;
        for (const char* path : {"/verify", "/v2", "/"})
            route("", path, "verify", post, [this](const sdk::Stream& s) { handle(s); });
        route("GET", "/status", "status", {}, [](const sdk::Stream& s) { s.text(200, "OK"); });
    }

    void activate() override {
        if (!has_own_keys_) return;
        if (key_upstream_.empty()) {
            if (const auto read = public_file_.refresh(); !read)
                throw std::runtime_error(read.error());
            useKeys(public_file_.keys()->all());
        }
        std::uint64_t id = 0;
        if (host.timers().start(
                host.raw(), 10, 1'000, [](void* self) { static_cast<Verifier*>(self)->refresh(); },
                this, &id) != PSN_OK)
            throw std::runtime_error("no timer to be had for the domain's public keys");
    }

    std::string health(bool /*deep*/) override {
        return !has_own_keys_ || keys_read_
                   ? ""
                   : "the domain's public keys were not to be had from upstream " + key_upstream_;
    }

  private:
    void readOptions() {
        const auto url = config.str("public_url"), fallback = config.str("fallback_domain");
        verify_.hostname = url.empty() ? protocol::toLower(fallback) : wsapi::hostOf(url);
        if (!url.empty() && verify_.hostname.empty())
            throw std::runtime_error(
                "public_url: expected an origin such as https://login.example");
        if (!url.empty() && !fallback.empty())
            throw std::runtime_error(
                "fallback_domain: this verifier is part of the service at public_url, whose keys "
                "it "
                "has; set one of the two");
        if (!fallback.empty() && !protocol::isHostName(fallback))
            throw std::runtime_error("fallback_domain: expected a host name, got \"" + fallback +
                                     "\"");
        has_own_keys_ = !url.empty();
        verify_.discover_own_keys = !fallback.empty();
        for (const auto& [k, v] : config.items("forcible_issuers"))
            verify_.forcible_issuers.push_back(v);
        for (const auto& [k, v] : config.items("extension_algorithms")) {
            if (v != "ES256" && v != "Ed25519")
                throw std::runtime_error("extension_algorithms: expected ES256 or Ed25519, got " +
                                         v);
            (v == "ES256" ? verify_.keys.allow_es256 : verify_.keys.allow_ed25519) = true;
        }
        verify_.clock_skew_ms = config.num("clock_skew");
        verify_.max_cert_lifetime_ms = config.num("max_cert_lifetime");
        verify_.max_assertion_lifetime_ms = config.num("max_assertion_lifetime");
        verify_.seen_keys = std::make_shared<protocol::KeyCache>(2'048);
        if (const auto n = static_cast<std::size_t>(config.num("certificate_cache")); n != 0)
            verify_.certificates = std::make_shared<protocol::CertificateCache>(n);
    }

    /// [control] Keys change at a rotation.
    void refresh() {
        if (!key_upstream_.empty()) return askKeysigner();
        const auto read = public_file_.refresh();
        if (key_fault_.isNew(read ? "" : read.error())) host.error(read.error());
        if (read && *read) useKeys(public_file_.keys()->all());
    }

    /// As often as the file is looked at until there are keys, then now and then.
    void askKeysigner() {
        if (keys_read_ && ++ticks_ % 10 != 0) return;
        sdk::ClientRequest r;
        r.upstream = key_upstream_;
        r.target = "/__keys__";
        r.max_body = 65'536;
        r.deadline_ms = 5'000;
        const auto sent = host.send(r, [this](const sdk::ClientResponse& answer) {
            if (answer.rc == PSN_OK && answer.status == 200) {
                const auto keys = domainkey::parsePublicKeys(answer.body);
                if (keys) return useKeys(keys->all());
                return host.error("keysigner's public keys: " + keys.error());
            }
            host.warn(
                "keysigner's public keys: upstream " + key_upstream_ + ": " +
                (answer.rc == PSN_OK ? "status " + std::to_string(answer.status) : answer.detail));
        });
        if (sent != PSN_OK)
            host.error("domain_key.upstream: there is no upstream '" + key_upstream_ + "'");
    }

    void useKeys(std::vector<protocol::PublicKey> keys) {
        auto next = std::make_shared<protocol::VerifyOptions>(verify_);
        next->own_keys = std::move(keys);
        judge_->use(std::move(next));
        keys_read_ = true;
    }

    void handle(const sdk::Stream& s) {
        const auto start = host.monotonicNs();
        s.hold();
        judge_->handle({s.method(), s.path(), s.query(), s.header("content-type"), s.body()},
                       [this, s, start](const ApiAnswer& a) {
                           time_.observe(static_cast<double>(host.monotonicNs() - start) / 1e6);
                           if (!a.verified) failures_.add();
                           if (a.status == 503) busy_.add();
                           s.respond(a.status, headersOf(a, https_), a.body);
                           s.release();
                       });
    }

    protocol::VerifyOptions verify_;
    const bool https_;
    bool has_own_keys_ = false;
    const std::string key_upstream_;
    domainkey::PublicFile public_file_;
    domainkey::LastFault key_fault_;
    std::atomic<bool> keys_read_{false};
    unsigned ticks_ = 0;
    std::shared_ptr<discovery::Discovery> discovery_;
    std::optional<Judge> judge_;
    sdk::Metric time_, failures_, busy_;
};

}  // namespace persona::verifier

PSN_SERVICE_PLUGIN(
    persona::verifier::Verifier,
    R"({"id":"verifier","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
