#include <persona/sdk/service.hpp>

#include "examples/common/pages.h"
#include "examples/site/visitors.h"
#include "libs/protocol/base64url.h"
#include "libs/protocol/json.h"

/// A web site with a small to-do list where people sign in by navigator.id. What a site must do on
/// its server is in signIn(): ask the verifier, with the site's own origin as audience, and believe
/// nothing that the page says of itself.
namespace persona::examples {

using protocol::Json;

class Site final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("origin", PSN_OPT_STRING, "",
                        "origin of this site: the audience of its assertions", PSN_OPT_REQUIRED),
            sdk::option("service_url", PSN_OPT_STRING, "",
                        "origin of the sign-in service; empty: public_url"),
            sdk::option("public_url", PSN_OPT_STRING, "", "origin of the sign-in service"),
            sdk::option("verifier", PSN_OPT_STRING, "verifier", "upstream of the verifier"),
            sdk::option("www_dir", PSN_OPT_STRING, PERSONA_EXAMPLE_WWW,
                        "folder with the site's pages")};
    }

    Site(const psn_host* h, const psn_config* c)
        : Service(h, c),
          origin_(config.str("origin")),
          service_url_(
              config.str(config.str("service_url").empty() ? "public_url" : "service_url")),
          verifier_(config.str("verifier")),
          pages_(loadPages(config.str("www_dir"), {{"service", service_url_}})) {
        RouteOptions form;
        form.body = PSN_BODY_BUFFER;
        form.max_body = 16'384;
        RouteOptions blocking = form;
        blocking.blocking = true;
        route("POST", "/api/sign-in", "sign-in", blocking,
              [this](const sdk::Stream& s) { signIn(s); });
        route("POST", "/api/sign-out", "sign-out", form,
              [this](const sdk::Stream& s) { signOut(s); });
        route("POST", "/api/todo", "todo", form, [this](const sdk::Stream& s) { change(s); });
        route("GET", "/api/session", "session", {},
              [this](const sdk::Stream& s) { answer(s, {}); });
        RouteOptions all;
        all.match = PSN_MATCH_PREFIX;
        route("GET", "/", "page", all, [this](const sdk::Stream& s) { page(s); });
    }

  private:
    static constexpr const char* kCookie = "site_session";

    void signIn(const sdk::Stream& s) {
        if (!isOwnPage(s, origin_)) return refuse(s, "this request comes from another site");
        Json question = Json::object();
        question.add("assertion", bodyText(s, "assertion")).add("audience", origin_);
        sdk::ClientRequest r;
        r.upstream = verifier_;
        r.method = "POST";
        r.target = "/verify";
        r.headers = {{"Content-Type", "application/json"}};
        r.body = question.dump();
        const auto verdict = host.call(r);
        const auto said = verdict.rc == PSN_OK ? Json::parse(verdict.body) : std::nullopt;
        const auto* status = said && said->isObject() ? said->findText("status") : nullptr;
        if (status == nullptr) return refuse(s, "the verifier did not answer; try again");
        const auto* email = said->findText("email");
        if (*status != "okay" || email == nullptr) {
            const auto* reason = said->findText("reason");
            return refuse(s, reason != nullptr ? *reason : "the verifier refused the assertion");
        }
        // A session of the site's own: from here on the sign-in service has no part in it.
        const auto id = protocol::encodeBase64Url(host.random(18));
        visitors_.signIn(id, *email);
        answer(s, *email,
               std::string(kCookie) + "=" + id + "; Path=/; HttpOnly; SameSite=Lax" +
                   (origin_.starts_with("https://") ? "; Secure" : ""));
    }
    void signOut(const sdk::Stream& s) {
        if (!isOwnPage(s, origin_)) return refuse(s, "this request comes from another site");
        visitors_.signOut(cookie(s, kCookie));
        s.respond(200,
                  {{"Content-Type", "application/json"},
                   {"Cache-Control", "no-store"},
                   {"Set-Cookie", std::string(kCookie) + "=; Path=/; Max-Age=0"}},
                  R"({"email":null,"items":[]})");
    }
    void change(const sdk::Stream& s) {
        const auto email = visitors_.emailOf(cookie(s, kCookie));
        if (email.empty() || !isOwnPage(s, origin_)) return refuse(s, "sign in first");
        if (const auto text = bodyText(s, "add"); !text.empty()) visitors_.add(email, text);
        const auto json = Json::parse(s.body());
        const auto* index = json && json->isObject() ? json->find("toggle") : nullptr;
        if (index != nullptr && index->isNumber() && index->number() >= 0 &&
            index->number() < 1'000)
            visitors_.toggle(email, static_cast<std::size_t>(index->number()));
        answer(s, email);
    }

    void answer(const sdk::Stream& s, std::string email, const std::string& set_cookie = "") {
        if (email.empty()) email = visitors_.emailOf(cookie(s, kCookie));
        Json list = Json::array();
        for (const auto& item : visitors_.items(email)) {
            Json one = Json::object();
            one.add("text", item.text).add("done", item.done);
            list.push(one);
        }
        Json out = Json::object();
        out.add("email", email.empty() ? Json() : Json(email)).add("items", list);
        sdk::Headers headers{{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
        if (!set_cookie.empty()) headers.emplace_back("Set-Cookie", set_cookie);
        s.respond(200, headers, out.dump());
    }
    static void refuse(const sdk::Stream& s, const std::string& reason) {
        Json out = Json::object();
        out.add("reason", reason);
        s.respond(403, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                  out.dump());
    }

    void page(const sdk::Stream& s) {
        auto name = std::string(s.path().substr(1));
        if (name.empty()) name = "index.html";
        auto found = pages_.find(name);
        if (found == pages_.end()) found = pages_.find(name + ".html");
        if (found == pages_.end()) {
            s.text(404, "There is no such page on this site.\n");
            return;
        }
        sdk::Headers headers{
            {"Content-Type", contentType(found->first)},
            {"Cache-Control", "no-cache"},
            {"X-Content-Type-Options", "nosniff"},
            {"Content-Security-Policy", "default-src 'self'; script-src 'self' " + service_url_ +
                                            "; frame-src " + service_url_ +
                                            "; object-src 'none'; base-uri 'none'"}};
        // What a site with this policy meets is the point of that page.
        if (found->first == "isolated.html")
            headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
        s.respond(200, headers, found->second);
    }

    const std::string origin_, service_url_, verifier_;
    const std::map<std::string, std::string, std::less<>> pages_;
    Visitors visitors_;
};

}  // namespace persona::examples

PSN_SERVICE_PLUGIN(
    persona::examples::Site,
    R"({"id":"example-site","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
