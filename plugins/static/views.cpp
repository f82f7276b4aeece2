#include "plugins/static/views.h"

#include <stdexcept>

namespace persona::pages {

namespace {
constexpr PagePolicy kPlain{};
constexpr PagePolicy kAnyFrame{.frames = Frames::Anyone};
constexpr PagePolicy kToken{.token = true};
}  // namespace

const std::vector<View>& views() {
    static const std::vector<View> kViews{
        {"/", "home", "pages.js", kPlain},
        {"/about", "about", "", kPlain},
        {"/sign_in", "dialog", "dialog.js", {.dialog = true, .popup = true}},
        {"/communication_iframe", "frame", "frame.js", kAnyFrame},
        {"/provision", "provision", "pages.js", {.frames = Frames::Self}},
        {"/auth", "auth", "pages.js", {.popup = true}},
        {"/unsupported_dialog", "unsupported", "", kPlain},
        {"/unsupported_dialog_without_watch", "unsupported_without_watch", "", kPlain},
        {"/cookies_disabled", "cookies_disabled", "", kPlain},
        {"/verify_email_address", "token", "pages.js", kToken},
        {"/add_email_address", "token", "pages.js", kToken},
        {"/confirm", "token", "pages.js", kToken},
        {"/complete_transition", "token", "pages.js", kToken},
        {"/reset_password", "reset", "pages.js", kToken},
        {"/unblock", "unblock", "pages.js", kToken},
        {"/not_me", "not_me", "pages.js", kToken},
    };
    return kViews;
}

const std::vector<View>& legalViews() {
    static const std::vector<View> kViews{
        {"tos", "tos", "", kPlain},
        {"privacy", "privacy", "", kPlain},
        {"embedded_tos", "embedded_tos", "", kAnyFrame},
        {"embedded_privacy", "embedded_privacy", "", kAnyFrame},
    };
    return kViews;
}

const View& missingView() {
    static const View kMissing{"", "missing", "", {.error = true}};
    return kMissing;
}

Renderer::Renderer(std::map<std::string, std::string> templates,
                   std::map<std::string, std::string> assets, std::string service_name,
                   std::string public_url)
    : templates_(std::move(templates)),
      assets_(std::move(assets)),
      service_name_(std::move(service_name)),
      public_url_(std::move(public_url)) {}

const std::string& Renderer::source(const std::string& name) const {
    const auto found = templates_.find(name);
    if (found == templates_.end())
        throw std::runtime_error("web_dir has no template views/" + name + ".mustache");
    return found->second;
}

kainjow::mustache::data Renderer::dataOf(const Catalogue& texts) const {
    namespace m = kainjow::mustache;
    m::data d(m::data::type::object);
    d.set("t", texts.templates());
    d.set("lang", texts.tag());
    d.set("dir", texts.rightToLeft() ? "rtl" : "ltr");
    d.set("service", service_name_);
    d.set("public_url", public_url_);
    d.set("messages", texts.scripts());
    m::data assets(m::data::type::object);
    for (const auto& [name, url] : assets_) {
        auto key = name;  // dialog.js -> {{asset.dialog_js}}
        for (char& c : key)
            if (c == '.') c = '_';
        assets.set(key, url);
    }
    d.set("asset", assets);
    for (const auto& [name, text] : templates_)
        if (name.starts_with("_")) d.set(name, m::partial([&source = text] { return source; }));
    return d;
}

std::string Renderer::render(const View& view, const Catalogue& texts) {
    namespace m = kainjow::mustache;
    auto known = data_.find(texts.tag());
    if (known == data_.end()) known = data_.emplace(texts.tag(), dataOf(texts)).first;
    auto& d = known->second;
    d.set("name", view.name);
    d.set("script", "");
    if (*view.script != '\0') {
        const auto url = assets_.find(view.script);
        if (url == assets_.end())
            throw std::runtime_error(std::string("web_dir has no bundle ") + view.script);
        d.set("script", url->second);
    }
    m::mustache t(source(view.name));
    if (!t.is_valid())
        throw std::runtime_error(std::string("views/") + view.name +
                                 ".mustache: " + t.error_message());
    return t.render(d);
}

}  // namespace persona::pages
