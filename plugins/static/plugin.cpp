#include <persona/sdk/service.hpp>

#include <atomic>
#include <map>
#include <memory>

#include "libs/wsapi/form.h"
#include "plugins/static/pages.h"

/// Pages and the support document; everything is in memory, a request costs a look-up.
namespace persona::pages {

class Static final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service, such as https://login.example", PSN_OPT_REQUIRED),
            sdk::option("domain_key.public_file", PSN_OPT_STRING, "var/domain-key.public.json",
                        "file with the domain's public key"),
            sdk::option("proxy_idps", PSN_OPT_MAP, "", "domain -> authority that answers for it")};
    }

    Static(const psn_host* h, const psn_config* c)
        : Service(h, c),
          https_(config.str("public_url").starts_with("https://")),
          public_file_(config.str("domain_key.public_file")) {
        for (const auto& [domain, authority] : config.items("proxy_idps"))
            delegations_[domain] = delegation(authority);
        pages_["/"] = home(config.str("public_url"));
        RouteOptions all;
        all.match = PSN_MATCH_PREFIX;
        route("", "/", "page", all, [this](const sdk::Stream& s) { serve(s); });
    }

    void activate() override {
        if (const auto read = public_file_.refresh(); !read) throw std::runtime_error(read.error());
        makeKeyPages();
        std::uint64_t id = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000, [](void* self) { static_cast<Static*>(self)->refresh(); },
                this, &id) != PSN_OK)
            throw std::runtime_error("no timer to be had for the domain's public keys");
    }

  private:
    struct KeyPages {
        Page document, key;
    };
    /// [control] Keys change at a rotation.
    void refresh() {
        const auto read = public_file_.refresh();
        if (!read)
            host.error(read.error());
        else if (*read)
            makeKeyPages();
    }
    void makeKeyPages() {
        const auto keys = public_file_.keys();
        key_pages_.store(std::make_shared<const KeyPages>(
            KeyPages{supportDocument(*keys), publicKey(keys->current)}));
    }
    void serve(const sdk::Stream& s) const {
        const bool read = s.method() == "GET" || s.method() == "HEAD";
        const auto path = s.path();
        const auto it = read ? pages_.find(path) : pages_.end();
        static const Page kNotFoundHtml = notFound(false), kNotFoundJson = notFound(true);
        const bool wants_json =
            s.header("accept").find("application/json") != std::string_view::npos;
        const auto key_pages = key_pages_.load();
        const Page* page = it != pages_.end()                         ? &it->second
                           : read && path == "/.well-known/browserid" ? &key_pages->document
                           : read && path == "/pk"                    ? &key_pages->key
                           : wants_json                               ? &kNotFoundJson
                                                                      : &kNotFoundHtml;
        if (path == "/.well-known/browserid" && !delegations_.empty()) {
            const auto query = wsapi::parseForm(s.query());
            if (query)
                for (const auto& [n, v] : *query)
                    if (n == "domain")
                        if (const auto d = delegations_.find(v); d != delegations_.end())
                            page = &d->second;
        }
        sdk::Headers headers{{"Content-Type", page->content_type},
                             {"Cache-Control", page->cache_control},
                             {"X-Content-Type-Options", "nosniff"}};
        if (!page->etag.empty()) headers.emplace_back("ETag", page->etag);
        if (page->content_type.starts_with("text/html")) {
            headers.emplace_back("X-Frame-Options", "DENY");
            headers.emplace_back("Content-Security-Policy",
                                 "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors "
                                 "'none'; base-uri 'none'; form-action 'none'");
            headers.emplace_back("Vary", "Accept-Encoding,Accept-Language");
        }
        if (https_)
            headers.emplace_back("Strict-Transport-Security",
                                 "max-age=31536000; includeSubDomains");
        if (!page->etag.empty() && matches(s.header("if-none-match"), page->etag)) {
            s.respond(304, headers, "");
            return;
        }
        s.respond(page->status, headers, page->body);
    }
    const bool https_;
    domainkey::PublicFile public_file_;
    std::atomic<std::shared_ptr<const KeyPages>> key_pages_;
    std::map<std::string, Page, std::less<>> pages_, delegations_;
};

}  // namespace persona::pages

PSN_SERVICE_PLUGIN(
    persona::pages::Static,
    R"({"id":"static","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
