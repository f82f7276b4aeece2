#include "host/config/plugin_config.h"

#include <algorithm>

#include "host/config/text.h"

namespace persona::host::config {

namespace {

std::string str(psn_str s) {
    return s.n == 0 ? std::string() : std::string(s.p, s.n);
}
psn_str view(const std::string& s) {
    return {s.data(), s.size()};
}

/// The node at a dotted path, without creating anything.
YAML::Node at(const YAML::Node& root, const std::string& dotted) {
    YAML::Node node = YAML::Clone(YAML::Node());
    node.reset(root);
    std::string rest = dotted;
    for (;;) {
        if (!node.IsDefined() || !node.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
        const auto dot = rest.find('.');
        const YAML::Node next = std::as_const(node)[rest.substr(0, dot)];
        if (!next.IsDefined()) return YAML::Node(YAML::NodeType::Undefined);
        node.reset(next);
        if (dot == std::string::npos) return node;
        rest.erase(0, dot + 1);
    }
}

const char* expectedOf(psn_option_type type) {
    switch (type) {
        case PSN_OPT_INT:
            return "a whole number";
        case PSN_OPT_BOOL:
            return "true or false";
        case PSN_OPT_DOUBLE:
            return "a number";
        case PSN_OPT_DURATION:
            return "a duration such as 10s";
        case PSN_OPT_SIZE:
            return "a size such as 10KiB";
        case PSN_OPT_LIST:
            return "a list";
        case PSN_OPT_MAP:
            return "a map from text to text";
        default:
            return "a text";
    }
}

std::vector<std::string> split(const std::string& choices) {
    std::vector<std::string> out(1);
    for (const char c : choices) {
        if (c == '|')
            out.emplace_back();
        else
            out.back().push_back(c);
    }
    return out;
}

/// Empty: fits. Else what is wrong.
std::string parseScalar(const psn_option& o, const std::string& text, PluginConfig::Value& v) {
    v.text = text;
    std::optional<std::int64_t> n;
    switch (o.type) {
        case PSN_OPT_STRING:
            return "";
        case PSN_OPT_ENUM: {
            const auto choices = split(str(o.choices));
            if (std::find(choices.begin(), choices.end(), text) != choices.end()) return "";
            const auto meant = nearest(text, choices);
            return "expected one of " + str(o.choices) + ", got \"" + text + "\"" +
                   (meant.empty() ? "" : "; did you mean " + meant + "?");
        }
        case PSN_OPT_BOOL:
            if (const auto b = parseBool(text)) n = *b ? 1 : 0;
            break;
        case PSN_OPT_INT:
            n = parseInt(text);
            break;
        case PSN_OPT_DURATION:
            n = parseDuration(text);
            break;
        case PSN_OPT_SIZE:
            n = parseSize(text);
            break;
        case PSN_OPT_DOUBLE:
            if (const auto d = parseDouble(text)) {
                v.real = *d;
                return "";
            }
            break;
        default:
            break;
    }
    if (!n) return std::string("expected ") + expectedOf(o.type) + ", got \"" + text + "\"";
    if ((o.min != 0 || o.max != 0) && (*n < o.min || *n > o.max))
        return text + " is out of range (" + std::to_string(o.min) + " to " +
               std::to_string(o.max) + ")";
    v.number = *n;
    v.real = static_cast<double>(*n);
    return "";
}

void unknownKeys(Document& d, const YAML::Node& node, const std::string& prefix,
                 const std::string& path, const std::set<std::string>& names,
                 const std::set<std::string>& groups, bool common) {
    if (!node.IsDefined() || !node.IsMap()) return;
    for (const auto& entry : node) {
        const std::string name = prefix + entry.first.Scalar();
        if (names.count(name) != 0) continue;
        if (groups.count(name) != 0 && entry.second.IsMap()) {
            unknownKeys(d, entry.second, name + ".", path, names, groups, common);
            continue;
        }
        const auto meant = nearest(name, {names.begin(), names.end()});
        d.problem(entry.first,
                  path + ": unknown key '" + name + "'" +
                      (common ? ": no plugin of this configuration has such an option" : "") +
                      (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
    }
}

std::set<std::string> groupsOf(const std::set<std::string>& names) {
    std::set<std::string> groups;
    for (const auto& n : names)
        for (auto dot = n.find('.'); dot != std::string::npos; dot = n.find('.', dot + 1))
            groups.insert(n.substr(0, dot));
    return groups;
}

const PluginConfig& of(const psn_config* c) {
    return *reinterpret_cast<const PluginConfig*>(c);
}
const PluginConfig::Value* lookup(const psn_config* c, psn_str name) {
    return of(c).find({name.p, name.n});
}

}  // namespace

const PluginConfig::Value* PluginConfig::find(std::string_view name) const {
    const auto it = values_.find(name);
    return it == values_.end() ? nullptr : &it->second;
}

namespace {

/// The module of the item whose `config` stands at `path`: services[0].filters[1].config.
std::string moduleAt(const Document& document, const std::string& path) {
    YAML::Node node = YAML::Clone(YAML::Node());
    node.reset(document.root());
    for (std::size_t from = 0; from < path.rfind('.');) {
        const auto open = path.find('[', from), close = path.find(']', from);
        if (open == std::string::npos || close == std::string::npos) return "";
        const auto list = std::as_const(node)[path.substr(from, open - from)];
        const auto index = parseInt(path.substr(open + 1, close - open - 1));
        if (!list.IsDefined() || !list.IsSequence() || !index) return "";
        node.reset(list[static_cast<std::size_t>(*index)]);
        from = close + 2;
    }
    const auto module = std::as_const(node)["module"];
    return module.IsDefined() && module.IsScalar() ? module.Scalar() : "";
}

/// Address of a listener that others than this machine's programs can reach; empty: there is none.
std::string openListener(Document& document) {
    for (const auto& listener : document.root()["listeners"]) {
        const auto address = document.expand(listener["address"], "listeners.address");
        if (address && !address->starts_with("127.") && !address->starts_with("[::1]:") &&
            !address->starts_with("unix:"))
            return *address;
    }
    return {};
}

}  // namespace

std::unique_ptr<PluginConfig> PluginConfig::read(Document& document, const psn_option* options,
                                                 std::size_t count, const YAML::Node& own,
                                                 const YAML::Node& common, const std::string& path,
                                                 std::set<std::string>& used_common) {
    auto out = std::make_unique<PluginConfig>();
    document.note({path, moduleAt(document, path), options, count});
    std::set<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        const psn_option& o = options[i];
        const std::string name = str(o.name);
        names.insert(name);
        Value v;
        v.type = o.type;
        used_common.insert(name);
        YAML::Node node = at(own, name);
        std::string shown_path = path + "." + name;
        if (!node.IsDefined() || node.IsNull()) {
            node.reset(at(common, name));
            shown_path = "common." + name;
        }
        v.set = node.IsDefined() && !node.IsNull();
        std::string shown;
        const bool many = o.type == PSN_OPT_LIST || o.type == PSN_OPT_MAP;
        if (!v.set && many && o.def.n != 0) node.reset(YAML::Load(str(o.def)));
        if (!v.set && !(many && node.IsDefined() && !node.IsNull())) {
            if ((o.flags & PSN_OPT_REQUIRED) != 0) {
                document.problem(own, path + ": option '" + name +
                                          "' is missing and has no default (" + str(o.doc) + ")");
            } else if (!many) {
                shown = str(o.def);
                if (const auto wrong = parseScalar(o, shown, v); !wrong.empty())
                    document.problem(own, path + ": option '" + name +
                                              "': the plugin's own default is unusable: " + wrong);
            }
        } else if (many) {
            if (o.type == PSN_OPT_LIST ? !node.IsSequence() : !node.IsMap()) {
                document.problem(node, shown_path + ": expected " + expectedOf(o.type));
            } else {
                for (const auto& item : node) {
                    const YAML::Node value =
                        o.type == PSN_OPT_LIST ? YAML::Node(item) : YAML::Node(item.second);
                    const std::string key = o.type == PSN_OPT_LIST ? "" : item.first.Scalar();
                    if (!value.IsScalar()) {
                        document.problem(value, shown_path + ": expected texts");
                        continue;
                    }
                    if (const auto t = document.expand(value, shown_path))
                        v.items.emplace_back(key, *t);
                    shown += (shown.empty() ? "" : ", ") + (key.empty() ? "" : key + ": ") +
                             value.Scalar();
                }
            }
        } else if (!node.IsScalar()) {
            document.problem(node, shown_path + ": expected " + expectedOf(o.type));
        } else if (const auto t = document.expand(node, shown_path)) {
            shown = *t;
            if (const auto wrong = parseScalar(o, *t, v); !wrong.empty())
                document.problem(node, shown_path + ": " + wrong);
            else if ((o.flags & PSN_OPT_LOOPBACK) != 0 && v.number != 0)
                if (const auto open = openListener(document); !open.empty())
                    document.problem(node, shown_path +
                                               ": true is refused while a listener can be reached "
                                               "from outside: expected loopback addresses or unix "
                                               "sockets, got \"" +
                                               open + "\"");
        }
        document.note(path + "." + name, shown,
                      v.set ? document.where(node, shown_path) : "default",
                      (o.flags & PSN_OPT_SECRET) != 0);
        out->values_[name] = std::move(v);
    }
    unknownKeys(document, own, "", path, names, groupsOf(names), false);
    return out;
}

void finishCommon(Document& document, const YAML::Node& common, const std::set<std::string>& used) {
    unknownKeys(document, common, "", "common", used, groupsOf(used), true);
}

const psn_config_api& configApi() {
    static const psn_config_api kApi{
        sizeof(psn_config_api),
        0,
        [](const psn_config* c, psn_str name, psn_str* out) -> psn_rc {
            const auto* v = lookup(c, name);
            if (v == nullptr || (v->type != PSN_OPT_STRING && v->type != PSN_OPT_ENUM))
                return PSN_NOT_FOUND;
            *out = view(v->text);
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, std::int64_t* out) -> psn_rc {
            const auto* v = lookup(c, name);
            if (v == nullptr || (v->type != PSN_OPT_INT && v->type != PSN_OPT_BOOL &&
                                 v->type != PSN_OPT_DURATION && v->type != PSN_OPT_SIZE))
                return PSN_NOT_FOUND;
            *out = v->number;
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, double* out) -> psn_rc {
            const auto* v = lookup(c, name);
            if (v == nullptr || (v->type != PSN_OPT_DOUBLE && v->type != PSN_OPT_INT))
                return PSN_NOT_FOUND;
            *out = v->real;
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, std::uint32_t* out) -> psn_rc {
            const auto* v = lookup(c, name);
            if (v == nullptr || (v->type != PSN_OPT_LIST && v->type != PSN_OPT_MAP))
                return PSN_NOT_FOUND;
            *out = static_cast<std::uint32_t>(v->items.size());
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name, std::uint32_t i, psn_str* key,
           psn_str* value) -> psn_rc {
            const auto* v = lookup(c, name);
            if (v == nullptr || i >= v->items.size()) return PSN_NOT_FOUND;
            if (key != nullptr) *key = view(v->items[i].first);
            if (value != nullptr) *value = view(v->items[i].second);
            return PSN_OK;
        },
        [](const psn_config* c, psn_str name) -> std::uint32_t {
            const auto* v = lookup(c, name);
            return v != nullptr && v->set ? 1 : 0;
        }};
    return kApi;
}

}  // namespace persona::host::config
