#include "plugins/static/catalogue.h"

#include <functional>

namespace persona::pages {

using protocol::Json;

namespace {

using Change = std::function<std::string(const std::string&)>;

/// A message, or each form of a plural message, with `change` applied.
Json mapped(const Json& message, const Change& change) {
    if (message.isString()) return {change(message.text())};
    Json forms = Json::object();
    for (const auto& [form, text] : message.members()) forms.add(form, change(text.text()));
    return forms;
}

Change filling(const std::map<std::string, std::string>& fixed) {
    return [&fixed](const std::string& text) {
        std::string out = text;
        for (const auto& [name, value] : fixed) {
            const std::string slot = "{" + name + "}";
            for (auto at = out.find(slot); at != std::string::npos;
                 at = out.find(slot, at + value.size()))
                out.replace(at, slot.size(), value);
        }
        return out;
    };
}

bool isMessage(const Json& m) {
    if (m.isString()) return true;
    if (!m.isObject() || m.find("other") == nullptr) return false;
    for (const auto& [form, text] : m.members())
        if (!text.isString()) return false;
    return true;
}

bool isEmpty(const Json& m) {
    return m.isString() && m.text().empty();
}

/// Letters of the pseudo-locale; what is not here stays.
std::string accented(const std::string& text) {
    static const std::map<char, const char*> kLetters{
        {'a', "á"}, {'e', "é"}, {'i', "í"}, {'o', "ö"}, {'u', "ü"}, {'c', "ç"}, {'n', "ñ"},
        {'s', "š"}, {'y', "ý"}, {'A', "Å"}, {'E', "É"}, {'I', "Î"}, {'O', "Ø"}, {'S', "Š"}};
    std::string out = "[";
    bool slot = false;
    for (const char c : text) {
        if (c == '{') slot = true;
        const auto letter = slot ? kLetters.end() : kLetters.find(c);
        if (letter == kLetters.end())
            out.push_back(c);
        else
            out += letter->second;
        if (c == '}') slot = false;
    }
    // Other languages are longer than English; a page must bear it.
    for (std::size_t i = 0; i < text.size() / 3; ++i) out += i % 6 == 0 ? " " : "~";
    return out + "]";
}

}  // namespace

Result<Catalogue> Catalogue::parse(const std::string& tag, std::string_view text,
                                   const Json* english,
                                   const std::map<std::string, std::string>& fixed) {
    const auto own = Json::parse(text);
    const std::string name = "locales/" + tag + ".json: ";
    if (!own || !own->isObject())
        return Error{name + "is not a JSON object without repeated names"};
    Json all = Json::object();
    for (const auto& [key, message] : (english != nullptr ? *english : *own).members()) {
        const Json* mine = own->find(key);
        const Json& used = mine != nullptr && !isEmpty(*mine) ? *mine : message;
        if (!isMessage(used))
            return Error{name + key +
                         ": expected a text, or an object of plural forms with 'other'"};
        all.add(key, mapped(used, filling(fixed)));
    }
    return Catalogue(tag, std::move(all));
}

Catalogue Catalogue::pseudo(const std::string& tag, const Json& english,
                            const std::map<std::string, std::string>& fixed) {
    Json all = Json::object();
    for (const auto& [key, message] : english.members())
        all.add(key, mapped(mapped(message, accented), filling(fixed)));
    return {tag, std::move(all)};
}

bool Catalogue::rightToLeft() const {
    const auto primary = tag_.substr(0, tag_.find('-'));
    return primary == "ar" || primary == "he" || primary == "fa" || primary == "ur";
}

kainjow::mustache::data Catalogue::templates() const {
    namespace m = kainjow::mustache;
    m::data top(m::data::type::object);
    // Dotted names become nested objects, which is how the template engine looks them up.
    struct Node {
        std::map<std::string, Node> children;
        std::string text;
    } root;
    for (const auto& [key, message] : messages_.members()) {
        if (!message.isString()) continue;
        Node* node = &root;
        for (std::size_t from = 0; from <= key.size();) {
            const auto dot = std::min(key.find('.', from), key.size());
            node = &node->children[key.substr(from, dot - from)];
            from = dot + 1;
        }
        node->text = message.text();
    }
    const std::function<m::data(const Node&)> built = [&](const Node& n) {
        if (n.children.empty()) return m::data(n.text);
        m::data d(m::data::type::object);
        for (const auto& [name, child] : n.children) d.set(name, built(child));
        return d;
    };
    return built(root);
}

std::string Catalogue::scripts() const {
    constexpr std::string_view kPrefix = "js.";
    Json out = Json::object();
    for (const auto& [key, message] : messages_.members())
        if (key.starts_with(kPrefix)) out.add(key.substr(kPrefix.size()), message);
    std::string safe;
    for (const char c : out.dump()) {
        if (c == '<')
            safe += "\\u003c";
        else
            safe.push_back(c);
    }
    return safe;
}

}  // namespace persona::pages
