#include "host/config/schema.h"

#include <algorithm>

#include "host/config/host_config.h"

namespace persona::host::config {

namespace {

using Kind = SchemaNode::Kind;

std::string quoted(const std::string& text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20)
            out += std::string("\\u00") + kHex[(c >> 4) & 15] + kHex[c & 15];
        else
            out += c;
    }
    return out + "\"";
}

/// Every value may come from a file or from the environment: ${file:...}, ${env:...}.
const char* const kFromElsewhere = R"({"type":"string","pattern":"\\$\\{(env|file):"})";

std::string anyOf(const std::string& own) {
    return R"("anyOf":[)" + own + "," + kFromElsewhere + "]";
}

std::string pattern(const char* expression) {
    return anyOf(R"({"type":["string","integer"],"pattern":)" + quoted(expression) + "}");
}

std::string bounds(const SchemaNode& n) {
    if (n.min == 0 && n.max == 0) return "";
    return R"(,"minimum":)" + std::to_string(n.min) + R"(,"maximum":)" + std::to_string(n.max);
}

std::string choicesOf(const SchemaNode& n) {
    std::string out;
    for (const auto& c : n.choices)
        if (!c.empty()) out += (out.empty() ? "" : ",") + quoted(c);
    return R"({"enum":[)" + out + "]}";
}

std::string mapOf(const std::map<std::string, SchemaNode>& keys, bool open) {
    std::string properties, required;
    for (const auto& [name, node] : keys) {
        properties += (properties.empty() ? "" : ",") + quoted(name) + ":" + node.json();
        if (node.required) required += (required.empty() ? "" : ",") + quoted(name);
    }
    return R"("type":"object","properties":{)" + properties + "}" +
           (required.empty() ? "" : R"(,"required":[)" + required + "]") +
           (open ? "" : R"(,"additionalProperties":false)");
}

/// "config" has the options of the plugin that "module" names.
std::string modulesOf(const SchemaNode& n) {
    std::string out;
    for (const auto& [module, options] : n.by_module)
        out += (out.empty() ? "" : ",") +
               std::string(R"({"if":{"properties":{"module":{"const":)") + quoted(module) +
               R"(}},"required":["module"]},"then":{"properties":{"config":{)" +
               mapOf(options, false) + "}}}}";
    return out.empty() ? "" : R"(,"allOf":[)" + out + "]";
}

std::string body(const SchemaNode& n) {
    switch (n.kind) {
        case Kind::Text:
            return R"("type":["string","number","boolean"])";
        case Kind::Choice:
            return anyOf(choicesOf(n));
        case Kind::Integer:
            return anyOf(R"({"type":"integer")" + bounds(n) + "}");
        case Kind::Number:
            return anyOf(R"({"type":"number"})");
        case Kind::Boolean:
            return anyOf(R"({"type":"boolean"})");
        case Kind::Mode:
            return pattern("^0?[0-7]{1,3}$");
        case Kind::Duration:
            return pattern("^[0-9]+(us|ms|s|m|h|d)$");
        case Kind::Size:
            return pattern("^[0-9]+(B|KiB|MiB|GiB)?$");
        case Kind::List:
            return R"("type":"array","items":{"type":["string","number"]})";
        case Kind::Maps:
            return R"("type":"array","items":{)" + mapOf(n.keys, n.open) + modulesOf(n) + "}";
        case Kind::Named:
            return R"("type":"object","additionalProperties":{)" + mapOf(n.keys, n.open) + "}";
        default:
            return mapOf(n.keys, n.open);
    }
}

}  // namespace

SchemaNode& SchemaNode::at(const std::string& path) {
    SchemaNode* node = this;
    for (std::size_t from = 0; from <= path.size();) {
        const auto dot = std::min(path.find('.', from), path.size());
        auto part = path.substr(from, dot - from);
        part.resize(std::min(part.find('['), part.size()));
        // The items of a list or of a map of maps are all alike.
        if (!part.empty() && part != "*") node = &node->keys[part];
        from = dot + 1;
    }
    return *node;
}

void SchemaNode::add(std::map<std::string, SchemaNode>& keys, const psn_option& o) {
    static constexpr Kind kKinds[] = {Kind::Text,   Kind::Text,     Kind::Integer, Kind::Boolean,
                                      Kind::Number, Kind::Duration, Kind::Size,    Kind::List,
                                      Kind::Choice, Kind::Named};
    const std::string name(o.name.p, o.name.n);
    const auto dot = name.find('.');
    auto& top = keys[name.substr(0, dot)];
    auto& node = dot == std::string::npos ? top : top.at(name.substr(dot + 1));
    node.kind = o.type < std::size(kKinds) ? kKinds[o.type] : Kind::Text;
    if (o.type == PSN_OPT_MAP) node.open = true;
    if (o.def.n != 0) node.fallback.assign(o.def.p, o.def.n);
    if (o.doc.n != 0) node.doc.assign(o.doc.p, o.doc.n);
    if (node.kind == Kind::Integer) {
        node.min = o.min;
        node.max = o.max;
    }
    node.choices.clear();
    for (std::string rest = o.choices.n != 0 ? std::string(o.choices.p, o.choices.n) : "";
         !rest.empty();) {
        const auto bar = std::min(rest.find('|'), rest.size());
        node.choices.push_back(rest.substr(0, bar));
        rest.erase(0, bar + 1);
    }
}

std::string SchemaNode::json(const std::string& title) const {
    if (kind == Kind::Named && open)
        return R"({"type":"object","description":)" + quoted(doc) + "}";
    std::string out = "{";
    if (!title.empty())
        out += R"("$schema":"https://json-schema.org/draft/2020-12/schema","title":)" +
               quoted(title) + ",";
    std::string about = doc;
    if (!fallback.empty()) about += (about.empty() ? "" : "; ") + ("default " + fallback);
    if (!about.empty()) out += R"("description":)" + quoted(about) + ",";
    return out + body(*this) + "}";
}

SchemaNode hostSchema() {
    auto document = Document::describing();
    (void)readHostConfig(document, "");
    return *document.schema();
}

std::string schemaOf(const Document& document) {
    auto top = hostSchema();
    auto& common = top.at("common");
    common.open = false;
    for (const auto& noted : document.options()) {
        // services[0].config, services[0].filters[1].config, heuristics[0].config
        const auto item = noted.path.substr(0, noted.path.rfind('.'));
        auto& by_module = top.at(item).by_module[noted.module];
        for (std::size_t i = 0; i < noted.count; ++i) {
            SchemaNode::add(by_module, noted.options[i]);
            SchemaNode::add(common.keys, noted.options[i]);
        }
    }
    return top.json("Configuration of persona-host") + "\n";
}

}  // namespace persona::host::config
