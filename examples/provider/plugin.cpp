#include <persona/sdk/service.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "examples/common/pages.h"
#include "libs/files/files.h"
#include "libs/protocol/base64url.h"
#include "libs/protocol/token.h"

/// A primary identity provider: says in /.well-known/browserid that it confirms the addresses of
/// its domain, signs people in on /auth, and certifies their browsers' keys on /prov. There are no
/// passwords: it is for trying things out. Its faults are switched by POST /control, from this
/// computer only.
namespace persona::examples {

using protocol::Json;

class Provider final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {sdk::option("origin", PSN_OPT_STRING, "", "origin of this provider's pages",
                            PSN_OPT_REQUIRED),
                sdk::option("domain", PSN_OPT_STRING, "", "domain whose addresses it confirms",
                            PSN_OPT_REQUIRED),
                sdk::option("service_url", PSN_OPT_STRING, "",
                            "origin of the sign-in service; empty: public_url"),
                sdk::option("public_url", PSN_OPT_STRING, "", "origin of the sign-in service"),
                sdk::option("key_file", PSN_OPT_STRING, "var/example-provider.pem",
                            "private key; made on first start"),
                sdk::option("www_dir", PSN_OPT_STRING, PERSONA_EXAMPLE_WWW,
                            "folder with the provider's pages")};
    }

    Provider(const psn_host* h, const psn_config* c)
        : Service(h, c),
          origin_(config.str("origin")),
          domain_(config.str("domain")),
          service_url_(
              config.str(config.str("service_url").empty() ? "public_url" : "service_url")),
          pages_(
              loadPages(config.str("www_dir"), {{"service", service_url_}, {"domain", domain_}})) {
        RouteOptions form;
        form.body = PSN_BODY_BUFFER;
        form.max_body = 16'384;
        RouteOptions blocking = form;
        blocking.blocking = true;
        route("GET", "/.well-known/browserid", "support", {},
              [this](const sdk::Stream& s) { support(s); });
        route("POST", "/control", "control", form, [this](const sdk::Stream& s) { control(s); });
        route("GET", "/api/whoami", "whoami", {}, [this](const sdk::Stream& s) { whoami(s); });
        route("POST", "/api/login", "login", form, [this](const sdk::Stream& s) { login(s); });
        route("POST", "/api/logout", "logout", form, [this](const sdk::Stream& s) { logout(s); });
        route("POST", "/api/cert_key", "cert-key", blocking,
              [this](const sdk::Stream& s) { certify(s); });
        RouteOptions all;
        all.match = PSN_MATCH_PREFIX;
        route("GET", "/", "page", all, [this](const sdk::Stream& s) { page(s); });
    }

    void activate() override {
        const auto file = config.str("key_file");
        auto pem = files::readFile(file, 65'536);
        if (!pem) {
            const auto made = protocol::SecretKey::generate(protocol::Algorithm::RS256);
            if (!made) throw std::runtime_error(made.error());
            if (const auto error = files::writeDurably(file + ".new", file, made->toPem(), 0600);
                !error.empty())
                throw std::runtime_error(error);
            pem = files::readFile(file, 65'536);
        }
        const auto key = pem ? protocol::SecretKey::fromPem(*pem)
                             : Result<protocol::SecretKey>(Error{file + " cannot be read"});
        if (!key) throw std::runtime_error(file + ": " + key.error());
        key_.emplace(*key);
        const auto half = key_->publicKey();
        if (!half) throw std::runtime_error(half.error());
        public_key_ = half->canonical();
    }

  private:
    static constexpr const char* kCookie = "provider_session";

    [[nodiscard]] std::string mode() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return mode_;
    }
    static void json(const sdk::Stream& s, unsigned status, const std::string& body,
                     const std::string& set_cookie = "") {
        sdk::Headers headers{{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
        if (!set_cookie.empty()) headers.emplace_back("Set-Cookie", set_cookie);
        s.respond(status, headers, body);
    }

    void support(const sdk::Stream& s) {
        const auto now = mode();
        const std::string good = "{\"public-key\":" + public_key_ +
                                 ",\"authentication\":\"/auth\",\"provisioning\":\"/prov\"}";
        if (now == "broken") return json(s, 200, good.substr(0, good.size() / 2));
        if (now == "empty") return json(s, 200, "");
        if (now == "error") return json(s, 500, "{}");
        if (now == "absent") return json(s, 404, "{}");
        if (now == "disabled") return json(s, 200, R"({"disabled":true})");
        if (now == "slow") return later(s, good);
        if (now.starts_with("delegated:")) {
            Json d = Json::object();
            d.add("authority", now.substr(10));
            return json(s, 200, d.dump());
        }
        json(s, 200, good);
    }
    /// Longer than anybody waits for a support document.
    void later(const sdk::Stream& s, const std::string& body) {
        struct Waiting {
            sdk::Stream stream;
            std::string body;
        };
        s.hold();
        auto* waiting = new Waiting{s, body};
        std::uint64_t id = 0;
        const auto rc = host.timers().start(
            host.raw(), 20'000, 0,
            [](void* user) {
                const std::unique_ptr<Waiting> w(static_cast<Waiting*>(user));
                json(w->stream, 200, w->body);
                w->stream.release();
            },
            waiting, &id);
        if (rc == PSN_OK) return;
        delete waiting;
        s.release();
        json(s, 503, "{}");
    }

    void control(const sdk::Stream& s) {
        const auto peer = sdk::view(s.request().peer_address);
        if (!peer.starts_with("127.") && peer != "::1" && peer != "unix")
            return json(s, 403, R"({"reason":"from this computer only"})");
        // Browsers say which page sends; a program such as curl says nothing.
        if (!s.header("origin").empty() && !isOwnPage(s, origin_))
            return json(s, 403, R"({"reason":"this request comes from another site"})");
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto said = Json::parse(s.body());
        if (!said || !said->isObject()) return json(s, 400, "{}");
        if (const auto* m = said->findText("mode")) mode_ = *m;
        if (const auto* c = said->find("coop")) coop_ = c->boolean();
        if (const auto* f = said->find("deny_frames")) deny_frames_ = f->boolean();
        json(s, 200, R"({"ok":true})");
    }

    /// The address that this browser is signed in with here; in the mode "always", any.
    [[nodiscard]] std::string signedInAs(const sdk::Stream& s, const std::string& asked) const {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (mode_ == "always") return asked;
        const auto found = sessions_.find(cookie(s, kCookie));
        return found == sessions_.end() ? std::string() : found->second;
    }
    void whoami(const sdk::Stream& s) const {
        const auto query = std::string(s.query());
        Json out = Json::object();
        const auto email = signedInAs(s, {});
        out.add("email", email.empty() ? Json() : Json(email)).add("always", mode() == "always");
        json(s, 200, out.dump());
    }
    void login(const sdk::Stream& s) {
        const auto email = bodyText(s, "email");
        if (!isOwnPage(s, origin_) || !email.ends_with("@" + domain_) || email.size() > 254)
            return json(s, 403, R"({"reason":"not an address of this provider"})");
        const auto id = protocol::encodeBase64Url(host.random(18));
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (sessions_.size() >= 1'000) sessions_.erase(sessions_.begin());
            sessions_[id] = email;
        }
        json(s, 200, R"({"ok":true})",
             std::string(kCookie) + "=" + id + "; Path=/; HttpOnly; SameSite=Lax" +
                 (origin_.starts_with("https://") ? "; Secure" : ""));
    }
    void logout(const sdk::Stream& s) {
        const std::lock_guard<std::mutex> lock(mutex_);
        sessions_.erase(cookie(s, kCookie));
        json(s, 200, R"({"ok":true})");
    }
    void certify(const sdk::Stream& s) const {
        const auto email = bodyText(s, "email");
        if (!isOwnPage(s, origin_) || email.empty() || signedInAs(s, email) != email ||
            !email.ends_with("@" + domain_))
            return json(s, 403, R"({"reason":"not signed in as that address"})");
        const std::string pubkey = bodyText(s, "pubkey");
        const protocol::KeyOptions extensions{.allow_es256 = true, .allow_ed25519 = true};
        const auto user_key = protocol::PublicKey::parse(std::string_view(pubkey), extensions);
        if (!user_key) return json(s, 400, R"({"reason":"no public key"})");
        const auto body = Json::parse(s.body());
        const auto* asked = body->find("duration");
        const double seconds = asked != nullptr && asked->isNumber()
                                   ? std::clamp(asked->number(), 60.0, 86'400.0)
                                   : 3'600;
        protocol::CertificateRequest request;
        request.issuer = domain_;
        request.email = email;
        request.issued_at_ms = host.wallMs();
        request.expires_at_ms = request.issued_at_ms + static_cast<std::int64_t>(seconds * 1'000);
        const auto cert =
            protocol::signToken(*key_, protocol::certificatePayload(request, *user_key));
        if (!cert) return json(s, 500, R"({"reason":"the key does not sign"})");
        Json out = Json::object();
        out.add("cert", *cert);
        json(s, 200, out.dump());
    }

    void page(const sdk::Stream& s) const {
        auto name = std::string(s.path().substr(1));
        if (name.empty()) name = "index.html";
        auto found = pages_.find(name);
        if (found == pages_.end()) found = pages_.find(name + ".html");
        if (found == pages_.end()) {
            s.text(404, "This provider has no such page.\n");
            return;
        }
        sdk::Headers headers{{"Content-Type", contentType(found->first)},
                             {"Cache-Control", "no-cache"},
                             {"X-Content-Type-Options", "nosniff"}};
        if (coop_) headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
        if (deny_frames_) headers.emplace_back("X-Frame-Options", "DENY");
        s.respond(200, headers, found->second);
    }

    const std::string origin_, domain_, service_url_;
    const std::map<std::string, std::string, std::less<>> pages_;
    std::optional<protocol::SecretKey> key_;
    std::string public_key_;
    mutable std::mutex mutex_;
    std::string mode_ = "ask";
    std::atomic<bool> coop_ = false, deny_frames_ = false;
    std::map<std::string, std::string> sessions_;
};

}  // namespace persona::examples

PSN_SERVICE_PLUGIN(
    persona::examples::Provider,
    R"({"id":"example-provider","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
