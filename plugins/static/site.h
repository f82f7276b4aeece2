#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/static/catalogue.h"
#include "plugins/static/policy.h"
#include "plugins/static/resource.h"
#include "plugins/static/views.h"

/// Everything that does not change while the role runs: pages in every language, scripts, assets.
namespace persona::pages {

struct SiteSettings {
    Origins origins;
    std::string web_dir;                   ///< what the build put into share/persona/web
    std::string service_name = "Persona";  ///< as pages call the service
    std::vector<std::string> languages;    ///< empty: every catalogue there is
    std::string default_language = "en";
    std::string debug_language;  ///< tag that gets the pseudo-locale; empty: none
    std::string developers_url;  ///< where /developers leads; empty: /about
};

class Site {
  public:
    /// Reads and renders all of it; may block. Throws std::runtime_error: file, fault, remedy.
    explicit Site(const SiteSettings& settings);
    /// [any] The answer to a GET of that path (as received), or of the page for unknown paths.
    void serve(const sdk::Stream& s) const;

  private:
    using Languages = std::vector<Resource>;  // by index into tags_
    void loadCatalogues(const SiteSettings& settings);
    void renderPages(const SiteSettings& settings, Renderer& renderer);
    void loadShared(const SiteSettings& settings);
    std::map<std::string, std::string> loadAssets(const SiteSettings& settings);
    [[nodiscard]] Languages rendered(const View& view, Renderer& renderer) const;
    [[nodiscard]] const Resource* find(std::string_view path, std::string_view language) const;
    [[nodiscard]] const Resource& missing(const sdk::Stream& s) const;
    [[nodiscard]] const Resource& pick(const Languages& all, std::string_view accept) const {
        return all[chooseLanguage(accept, tags_, default_)];
    }

    Origins origins_;
    std::vector<Catalogue> catalogues_;
    std::vector<std::string> tags_;  // lower case
    std::size_t default_ = 0;
    /// By path; paths that show the same page share it.
    std::map<std::string, std::shared_ptr<const Languages>, std::less<>> pages_;
    std::map<std::string, Languages, std::less<>> legal_;
    std::map<std::string, Resource, std::less<>> files_;
    std::map<std::string, Answer, std::less<>> redirects_;
    Languages missing_;
    std::vector<Resource> missing_plain_;  // one; for those who asked for JSON
    std::vector<Resource> missing_asset_;
};

}  // namespace persona::pages
