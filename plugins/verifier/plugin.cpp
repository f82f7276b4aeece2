#include <persona/sdk/service.hpp>

#include <atomic>
#include <memory>
#include <mutex>

#include "libs/domainkey/public_keys.h"
#include "libs/wsapi/form.h"
#include "plugins/verifier/verifier_api.h"

/// The role that checks assertions (protocol.md 3).
namespace persona::verifier {

class Verifier final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service, such as https://login.example", PSN_OPT_REQUIRED),
            sdk::option("domain_key.public_file", PSN_OPT_STRING, "var/domain-key.public.json",
                        "file with the domain's public key"),
            sdk::option("forcible_issuers", PSN_OPT_LIST, "", "issuer names that a site may force"),
            sdk::option("extension_algorithms", PSN_OPT_LIST, "",
                        "of ES256 and Ed25519: families beyond RS and DS"),
            sdk::option("clock_skew", PSN_OPT_DURATION, "0s",
                        "leeway for the times in certificates and assertions"),
            sdk::option("disable_primary_support", PSN_OPT_BOOL, "true",
                        "accept certificates of this service alone")};
    }

    Verifier(const psn_host* h, const psn_config* c)
        : Service(h, c),
          public_file_(config.str("domain_key.public_file")),
          time_(host.timing("assertion_verification_time")),
          failures_(host.counter("assertion_failure")) {
        verify_.hostname = wsapi::hostOf(config.str("public_url"));
        if (verify_.hostname.empty())
            throw std::runtime_error(
                "public_url: expected an origin such as https://login.example");
        https_ = config.str("public_url").starts_with("https://");
        for (const auto& [k, v] : config.items("forcible_issuers"))
            verify_.forcible_issuers.push_back(v);
        for (const auto& [k, v] : config.items("extension_algorithms")) {
            if (v != "ES256" && v != "Ed25519")
                throw std::runtime_error("extension_algorithms: expected ES256 or Ed25519, got " +
                                         v);
            (v == "ES256" ? verify_.keys.allow_es256 : verify_.keys.allow_ed25519) = true;
        }
        verify_.clock_skew_ms = config.num("clock_skew");
        verify_.disable_primary_support = config.flag("disable_primary_support");
        if (!verify_.disable_primary_support)
            throw std::runtime_error(
                "disable_primary_support: false needs discovery over the network, which this build "
                "of the verifier does not have; set it to true");
        RouteOptions post;
        post.body = PSN_BODY_BUFFER;
        post.max_body = kMaxBody;
        for (const char* path : {"/verify", "/v2", "/"})
            route("", path, "verify", post, [this](const sdk::Stream& s) { handle(s); });
    }

    void activate() override {
        verify_.seen_keys = std::make_shared<protocol::KeyCache>(2'048);
        verify_.certificates = std::make_shared<protocol::CertificateCache>(4'096);
        if (const auto read = public_file_.refresh(); !read) throw std::runtime_error(read.error());
        useKeys();
        std::uint64_t id = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000,
                [](void* self) { static_cast<Verifier*>(self)->refresh(); }, this, &id) != PSN_OK)
            throw std::runtime_error("no timer to be had for the domain's public keys");
    }

  private:
    /// [control] Keys change at a rotation.
    void refresh() {
        const auto read = public_file_.refresh();
        if (!read)
            host.error(read.error());
        else if (*read)
            useKeys();
    }
    void useKeys() {
        auto next = std::make_shared<protocol::VerifyOptions>(verify_);
        next->own_keys = public_file_.keys()->all();
        options_.store(std::move(next));
    }
    void handle(const sdk::Stream& s) const {
        const auto start = host.monotonicNs();
        const auto options = options_.load();
        const auto a =
            answer({s.method(), s.path(), s.query(), s.header("content-type"), s.body()}, *options,
                   host.wallMs(), [](const std::string&) { return protocol::Discovered{}; });
        time_.observe(static_cast<double>(host.monotonicNs() - start) / 1e6);
        if (a.status != 200 || a.body.find("\"failure\"") != std::string::npos) failures_.add();
        sdk::Headers headers{
            {"Content-Type", a.content_type},
            {"Cache-Control", "private, no-cache, no-store, must-revalidate, max-age=0"},
            {"X-Content-Type-Options", "nosniff"},
            {"X-Frame-Options", "DENY"}};
        if (a.allow_post) headers.emplace_back("Allow", "POST");
        if (https_)
            headers.emplace_back("Strict-Transport-Security",
                                 "max-age=31536000; includeSubDomains");
        s.respond(a.status, headers, a.body);
    }
    protocol::VerifyOptions verify_;
    domainkey::PublicFile public_file_;
    std::atomic<std::shared_ptr<const protocol::VerifyOptions>> options_;
    sdk::Metric time_, failures_;
    bool https_ = false;
};

}  // namespace persona::verifier

PSN_SERVICE_PLUGIN(
    persona::verifier::Verifier,
    R"({"id":"verifier","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
