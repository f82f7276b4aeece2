#include <persona/sdk/service.hpp>

#include <map>
#include <memory>

#include "libs/protocol/names.h"
#include "libs/protocol/published.h"
#include "libs/wsapi/form.h"
#include "plugins/static/pages.h"
#include "plugins/static/site.h"

/// The role that serves pages, scripts and the support document. All of it is in memory; a request
/// costs a look-up.
namespace persona::pages {

class Static final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service, such as https://login.example", PSN_OPT_REQUIRED),
            sdk::option("static_url", PSN_OPT_STRING, "",
                        "origin from which pages load hashed assets (a CDN); empty: public_url"),
            sdk::option("service_name", PSN_OPT_STRING, "Persona", "what pages call the service"),
            sdk::option("web_dir", PSN_OPT_STRING, PERSONA_WEB_DIR,
                        "folder with the built pages, scripts and catalogues"),
            sdk::option("languages", PSN_OPT_LIST, "",
                        "tags of the catalogues to serve; empty: all"),
            sdk::option("default_language", PSN_OPT_STRING, "en",
                        "for browsers that want no language that is served"),
            sdk::option("debug_language", PSN_OPT_STRING, "",
                        "tag that gets a pseudo-translation, such as en-XA; empty: none"),
            sdk::option("development", PSN_OPT_BOOL, "false",
                        "browsers keep no page; identity providers may be on http loopback"),
            sdk::option("developers_url", PSN_OPT_STRING, "",
                        "where /developers leads; empty: /about"),
            sdk::option("domain_key.public_file", PSN_OPT_STRING, "var/domain-key.public.json",
                        "file with the domain's public key"),
            sdk::option("proxy_idps", PSN_OPT_MAP, "", "domain -> authority that answers for it")};
    }

    Static(const psn_host* h, const psn_config* c)
        : Service(h, c),
          origins_(originsOf(config)),
          site_(settings(config, origins_)),
          public_file_(config.str("domain_key.public_file")) {
        for (const auto& [domain, authority] : config.items("proxy_idps"))
            delegations_.emplace(protocol::toLower(domain),
                                 document(delegation(authority), kOfOneDomain));
        // HEAD goes to GET routes.
        route("GET", "/.well-known/browserid", "support-document", {},
              [this](const sdk::Stream& s) { serveSupport(s); });
        route("GET", "/pk", "public-key", {},
              [this](const sdk::Stream& s) { key_pages_.load()->key.serve(s); });
        RouteOptions all;
        all.match = PSN_MATCH_PREFIX;
        route("GET", "/", "page", all, [this](const sdk::Stream& s) { site_.serve(s); });
        route("", "/", "other-method", all, [this](const sdk::Stream& s) {
            auto fields = plainFields(origins_, "no-store");
            fields.emplace_back("Allow", "GET, HEAD");
            fields.emplace_back("Content-Type", "text/plain; charset=utf-8");
            s.respond(405, fields, "Method Not Allowed\n");
        });
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
    static constexpr const char* kShared = "public, max-age=10";
    /// Of one query alone: a cache that leaves the query out of its key must not keep it.
    static constexpr const char* kOfOneDomain = "private, max-age=10";

    struct KeyPages {
        Resource document, key;
    };
    /// [control] Keys change at a rotation.
    void refresh() {
        const auto read = public_file_.refresh();
        if (key_fault_.isNew(read ? "" : read.error())) host.error(read.error());
        if (read && *read) makeKeyPages();
    }
    void makeKeyPages() {
        const auto keys = public_file_.keys();
        key_pages_.store(std::make_shared<const KeyPages>(
            KeyPages{document(supportDocument(*keys), kShared),
                     document(publicKey(keys->current), kShared)}));
    }
    static std::string originOf(const std::string& option, const std::string& url) {
        const auto scheme = url.find("://");
        const bool good = (url.starts_with("https://") || url.starts_with("http://")) &&
                          url.find('/', scheme + 3) == std::string::npos &&
                          url.find_first_of(" ;,'\"\\?#@", scheme + 3) == std::string::npos &&
                          url.size() > scheme + 3;
        if (!good)
            throw std::runtime_error(option + ": expected an origin such as https://login.example" +
                                     ", without a path; it is '" + url + "'");
        return url;
    }
    static Origins originsOf(const sdk::Config& c) {
        const auto service = originOf("public_url", c.str("public_url"));
        const auto assets = c.str("static_url");
        return {service, assets.empty() ? service : originOf("static_url", assets),
                c.flag("development")};
    }
    static SiteSettings settings(const sdk::Config& c, const Origins& origins) {
        SiteSettings s;
        s.origins = origins;
        s.web_dir = c.str("web_dir");
        s.service_name = c.str("service_name");
        for (const auto& [none, tag] : c.items("languages")) s.languages.push_back(tag);
        s.default_language = c.str("default_language");
        s.debug_language = c.str("debug_language");
        s.developers_url = c.str("developers_url");
        return s;
    }
    /// `cache`: its Cache-Control. Never compressed: a cache between would need a Vary, and give
    /// the octets that a browser takes to a verifier that does not where one is forgotten on the
    /// way.
    [[nodiscard]] Resource document(const std::string& json, const char* cache) const {
        return {200, plainFields(origins_, cache), "application/json", {json, {}, {}}, false};
    }
    void serveSupport(const sdk::Stream& s) const {
        if (!delegations_.empty())
            if (const auto query = wsapi::parseForm(s.query()))
                for (const auto& [name, value] : *query)
                    if (name == "domain")
                        if (const auto d = delegations_.find(protocol::toLower(value));
                            d != delegations_.end())
                            return d->second.serve(s);
        key_pages_.load()->document.serve(s);
    }

    const Origins origins_;
    const Site site_;
    std::map<std::string, Resource, std::less<>> delegations_;
    domainkey::PublicFile public_file_;
    domainkey::LastFault key_fault_;
    Published<const KeyPages> key_pages_;
};

}  // namespace persona::pages

PSN_SERVICE_PLUGIN(
    persona::pages::Static,
    R"({"id":"static","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
