#include "libs/mail/catalogue.h"

#include <array>

#include "libs/mail/locale.h"
#include "libs/mail/resources.h"
#include "libs/protocol/json.h"

namespace persona::mail {

namespace {

constexpr std::array<std::string_view, 7> kLocales = {"en", "ar", "de", "es", "fr", "ja", "pt"};

// U+2066 LEFT-TO-RIGHT ISOLATE and U+2069 POP DIRECTIONAL ISOLATE.
constexpr std::string_view kIsolate = "\u2066", kPop = "\u2069";

/// The pseudo-locale's letters: each ASCII letter outside of placeholders gets a mark.
std::string disguised(std::string_view text) {
    static constexpr std::string_view kPlain = "aceinouyACEINOUY";
    static constexpr std::array<std::string_view, 16> kMarked = {
        "á", "ç", "é", "í", "ñ", "ó", "ú", "ý", "Á", "Ç", "É", "Í", "Ñ", "Ó", "Ú", "Ý"};
    std::string out;
    bool placeholder = false;
    for (const char c : text) {
        if (c == '{') placeholder = true;
        if (c == '}') placeholder = false;
        const auto at = placeholder ? std::string_view::npos : kPlain.find(c);
        if (at == std::string_view::npos)
            out += c;
        else
            out += kMarked[at];
    }
    return out;
}

}  // namespace

class CatalogueSet {
  public:
    static const CatalogueSet& instance() {
        static const CatalogueSet set;
        return set;
    }

    CatalogueSet() {
        for (const auto name : kLocales) {
            auto& catalogue = catalogues_[std::string(name)];
            catalogue.locale_ = name;
            // English first: what another one lacks stays English.
            if (name != "en") catalogue.texts_ = catalogues_.at("en").texts_;
            // A broken catalogue cannot be shipped: the tests load every one.
            const auto json =
                protocol::Json::parse(resource("locales/" + std::string(name) + ".json"));
            if (!json) continue;
            for (const auto& [key, value] : json->members())
                if (value.isString() && !value.text().empty()) catalogue.texts_[key] = value.text();
            catalogue.right_to_left_ = catalogue.texts_["dir"] == "rtl";
        }
        auto& debug = catalogues_[std::string(kDebugLocale)];
        debug.locale_ = kDebugLocale;
        for (const auto& [key, text] : catalogues_.at("en").texts_)
            debug.texts_[key] = key == "dir" ? text : disguised(text);
    }

    [[nodiscard]] const Catalogue& find(std::string_view locale) const {
        const auto it = catalogues_.find(locale);
        return it != catalogues_.end() ? it->second : catalogues_.at("en");
    }

  private:
    std::map<std::string, Catalogue, std::less<>> catalogues_;
};

const Catalogue& Catalogue::of(std::string_view locale) {
    return CatalogueSet::instance().find(locale);
}

std::string Catalogue::text(std::string_view key, const Values& values) const {
    const auto it = texts_.find(key);
    if (it == texts_.end()) return {};
    const std::string_view pattern = it->second;
    std::string out;
    for (std::size_t at = 0; at < pattern.size();) {
        const auto open = pattern.find('{', at);
        const auto close = pattern.find('}', open == std::string_view::npos ? at : open);
        if (open == std::string_view::npos || close == std::string_view::npos)
            return out.append(pattern.substr(at));
        out.append(pattern.substr(at, open - at));
        const auto name = pattern.substr(open + 1, close - open - 1);
        for (const auto& [known, value] : values) {
            if (known != name) continue;
            if (right_to_left_) out += kIsolate;
            out += value;
            if (right_to_left_) out += kPop;
        }
        at = close + 1;
    }
    return out;
}

const std::vector<std::string>& locales() {
    static const auto all = [] {
        std::vector<std::string> out(kLocales.begin(), kLocales.end());
        out.emplace_back(kDebugLocale);
        return out;
    }();
    return all;
}

}  // namespace persona::mail
