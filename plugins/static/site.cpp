#include "plugins/static/site.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace persona::pages {

namespace fs = std::filesystem;
using protocol::Json;

namespace {

std::string readFile(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    if (!in || !(text << in.rdbuf()))
        throw std::runtime_error(path.string() +
                                 " cannot be read; build the web target, or set web_dir to the "
                                 "folder share/persona/web of a build");
    return text.str();
}

/// Files of a folder whose names end so, without that ending, in order.
std::map<std::string, std::string> readAll(const fs::path& folder, const std::string& ending) {
    std::map<std::string, std::string> all;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        const auto name = entry.path().filename().string();
        if (name.ends_with(ending))
            all[name.substr(0, name.size() - ending.size())] = readFile(entry.path());
    }
    if (error)
        throw std::runtime_error(folder.string() + ": " + error.message() +
                                 "; web_dir must name the folder share/persona/web of a build");
    return all;
}

std::string typeOf(const std::string& name) {
    const auto ends = [&](const char* e) { return name.ends_with(e); };
    if (ends(".js")) return "text/javascript; charset=utf-8";
    if (ends(".css")) return "text/css; charset=utf-8";
    if (ends(".svg")) return "image/svg+xml";
    if (ends(".json")) return "application/json";
    if (ends(".map")) return "application/json";
    if (ends(".txt")) return "text/plain; charset=utf-8";
    return "application/octet-stream";
}

/// A file with the variants that the build laid beside it, or made now where it made none.
Resource::Bodies bodiesOf(const fs::path& path) {
    Resource::Bodies b;
    b.identity = readFile(path);
    if (!fs::exists(path.string() + ".gz")) return compressed(std::move(b.identity));
    b.gzip = readFile(path.string() + ".gz");
    if (fs::exists(path.string() + ".br")) b.brotli = readFile(path.string() + ".br");
    return b;
}

std::string lower(std::string s) {
    for (char& c : s)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return s;
}

const char* const kHtml = "text/html; charset=utf-8";

}  // namespace

Site::Site(const SiteSettings& settings) : origins_(settings.origins) {
    loadCatalogues(settings);
    const auto assets = loadAssets(settings);
    Renderer renderer(readAll(fs::path(settings.web_dir) / "views", ".mustache"), assets,
                      settings.service_name, origins_.service);
    renderPages(settings, renderer);
    loadShared(settings);
    missing_plain_.emplace_back(
        404, plainFields(origins_, "no-store"), "application/json",
        Resource::Bodies{R"({"success":false,"reason":"not found"})", "", ""}, false);
    missing_asset_.emplace_back(404, plainFields(origins_, "no-store"), "text/plain; charset=utf-8",
                                Resource::Bodies{"Not Found\n", "", ""}, false);
}

void Site::loadCatalogues(const SiteSettings& settings) {
    const std::map<std::string, std::string> fixed{{"service", settings.service_name}};
    auto texts = readAll(fs::path(settings.web_dir) / "locales", ".json");
    const auto english = Json::parse(texts["en"]);
    if (!english || !english->isObject())
        throw std::runtime_error(settings.web_dir + "/locales/en.json is missing or not JSON");
    auto wanted = settings.languages;
    if (wanted.empty())
        for (const auto& [tag, text] : texts) wanted.push_back(tag);
    for (const auto& tag : wanted) {
        const auto text = texts.find(tag);
        if (text == texts.end())
            throw std::runtime_error("languages: there is no catalogue locales/" + tag +
                                     ".json in " + settings.web_dir);
        auto parsed = Catalogue::parse(tag, text->second, &*english, fixed);
        if (!parsed) throw std::runtime_error(parsed.error());
        catalogues_.push_back(std::move(*parsed));
    }
    if (!settings.debug_language.empty())
        catalogues_.push_back(Catalogue::pseudo(settings.debug_language, *english, fixed));
    for (const auto& c : catalogues_) tags_.push_back(lower(c.tag()));
    const auto found = std::find(tags_.begin(), tags_.end(), lower(settings.default_language));
    if (found == tags_.end())
        throw std::runtime_error("default_language: '" + settings.default_language +
                                 "' is not among the languages that are served");
    default_ = static_cast<std::size_t>(found - tags_.begin());
}

Site::Languages Site::rendered(const View& view, Renderer& renderer) const {
    Languages all;
    const unsigned status = view.policy.error ? 404 : 200;
    for (const auto& texts : catalogues_)
        all.emplace_back(status, pageFields(origins_, view.policy), kHtml,
                         compressed(renderer.render(view, texts)), !view.policy.error);
    return all;
}

void Site::renderPages(const SiteSettings& settings, Renderer& renderer) {
    std::map<std::string, std::shared_ptr<const Languages>> by_name;
    for (const auto& view : views()) {
        auto& page = by_name[view.name];
        if (!page) page = std::make_shared<const Languages>(rendered(view, renderer));
        pages_.emplace(view.path, page);
    }
    for (const auto& view : legalViews()) legal_.emplace(view.path, rendered(view, renderer));
    missing_ = rendered(missingView(), renderer);
    const auto redirect = [&](const std::string& path, unsigned status, const std::string& to,
                              const char* cache) {
        auto fields = plainFields(origins_, cache);
        fields.emplace_back("Location", to);
        redirects_.emplace(path,
                           Answer(status, std::move(fields), std::make_shared<std::string>()));
    };
    for (const char* old : {"/signin", "/signup", "/forgot"})
        for (const char* slash : {"", "/"})
            redirect(std::string(old) + slash, 301, "/", "public, max-age=3600");
    redirect("/developers", 302,
             settings.developers_url.empty() ? "/about" : settings.developers_url, "no-cache");
}

void Site::loadShared(const SiteSettings& settings) {
    const fs::path root = fs::path(settings.web_dir) / "root";
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
        const auto name = fs::relative(entry.path(), root).generic_string();
        if (!entry.is_regular_file() || name.ends_with(".gz") || name.ends_with(".br")) continue;
        const bool script = name.ends_with(".js");
        files_.emplace("/" + name,
                       Resource(200, script ? sharedScriptFields(origins_) : textFields(origins_),
                                typeOf(name), bodiesOf(entry.path()), true, script));
    }
}

std::map<std::string, std::string> Site::loadAssets(const SiteSettings& settings) {
    const fs::path web(settings.web_dir);
    const auto manifest = Json::parse(readFile(web / "manifest.json"));
    const Json* current = manifest ? manifest->find("assets") : nullptr;
    if (current == nullptr || !current->isObject())
        throw std::runtime_error((web / "manifest.json").string() + " lists no assets");
    // Whatever lies under v/ is served: this build's files and those of the builds before it.
    for (const auto& entry : fs::recursive_directory_iterator(web / "v")) {
        const auto name = fs::relative(entry.path(), web).generic_string();
        if (!entry.is_regular_file() || name.ends_with(".gz") || name.ends_with(".br")) continue;
        files_.emplace("/" + name, Resource(200, assetFields(origins_), typeOf(name),
                                            bodiesOf(entry.path()), true, true));
    }
    std::map<std::string, std::string> urls;
    for (const auto& [name, hash] : current->members()) {
        const auto path = "/v/" + hash.text() + "/" + name;
        if (files_.find(path) == files_.end())
            throw std::runtime_error(web.string() + path +
                                     " is missing; build the web target again");
        urls[name] = (origins_.assets == origins_.service ? "" : origins_.assets) + path;
    }
    return urls;
}

const Resource* Site::find(std::string_view path, std::string_view language) const {
    if (const auto f = files_.find(path); f != files_.end()) return &f->second;
    if (const auto p = pages_.find(path); p != pages_.end()) return &pick(*p->second, language);
    if (path.starts_with("/")) {  // /<language>/tos
        const auto slash = path.find('/', 1);
        if (slash != std::string_view::npos && slash > 2)
            if (const auto l = legal_.find(path.substr(slash + 1)); l != legal_.end())
                return &pick(l->second, path.substr(1, slash - 1));
    }
    return nullptr;
}

const Resource& Site::missing(const sdk::Stream& s) const {
    if (s.path().starts_with("/v/")) return missing_asset_.front();
    if (s.header("accept").find("application/json") != std::string_view::npos)
        return missing_plain_.front();
    return pick(missing_, s.header("accept-language"));
}

void Site::serve(const sdk::Stream& s) const {
    const auto language = s.header("accept-language");
    const auto path = s.path();
    if (const auto r = redirects_.find(path); r != redirects_.end()) return r->second.send(s);
    const Resource* found = find(path, language);
    if (found == nullptr && path.find('%') != std::string_view::npos)
        if (const auto decoded = decodePath(path)) found = find(*decoded, language);
    (found != nullptr ? *found : missing(s)).serve(s);
}

}  // namespace persona::pages
