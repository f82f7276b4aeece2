#include "host/config/reader.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "host/config/text.h"

namespace persona::host::config {

namespace {
constexpr std::size_t kMaxFile = 1024 * 1024;

std::string kindOf(const YAML::Node& n) {
    if (!n || n.IsNull()) return "nothing";
    if (n.IsMap()) return "a map";
    if (n.IsSequence()) return "a list";
    return "\"" + n.Scalar() + "\"";
}

std::string readFile(const std::string& file, bool& ok) {
    std::ifstream in(file, std::ios::binary);
    std::string text(kMaxFile + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    ok = in.is_open() && text.size() <= kMaxFile && !in.bad();
    return text;
}

/// Depth is bounded and keys are unique in every map.
void checkTree(Document& document, const YAML::Node& node, int depth) {
    if (depth > 32) return document.problem(node, "nested deeper than 32 levels");
    if (node.IsMap()) {
        std::set<std::string> seen;
        for (const auto& entry : node) {
            if (!entry.first.IsScalar()) {
                document.problem(entry.first, "a key must be a plain word");
                continue;
            }
            if (!seen.insert(entry.first.Scalar()).second)
                document.problem(entry.first, "key '" + entry.first.Scalar() +
                                                  "' stands twice in one map; remove one");
            checkTree(document, entry.second, depth + 1);
        }
    } else if (node.IsSequence()) {
        for (const auto& item : node) checkTree(document, item, depth + 1);
    }
}
}  // namespace

Document Document::fromText(const std::string& text, const std::string& name) {
    Document d;
    d.file_ = name;
    try {
        d.root_ = YAML::Load(text);
        if (d.root_.IsNull()) d.root_ = YAML::Node(YAML::NodeType::Map);
        if (!d.root_.IsMap()) {
            d.problem(d.root_, "expected a map at the top, got " + kindOf(d.root_));
            d.root_ = YAML::Node(YAML::NodeType::Map);
        }
        checkTree(d, d.root_, 0);
    } catch (const YAML::Exception& e) {
        d.problems_.push_back(name + ":" + std::to_string(e.mark.line + 1) + ":" +
                              std::to_string(e.mark.column + 1) + ": not YAML: " + e.msg);
        d.root_ = YAML::Node(YAML::NodeType::Map);
    }
    return d;
}

Document Document::load(const std::string& file) {
    bool ok = false;
    const std::string text = readFile(file, ok);
    if (!ok) {
        Document d;
        d.file_ = file;
        d.root_ = YAML::Node(YAML::NodeType::Map);
        d.problems_.push_back(
            file + ": cannot be read (it must exist, be readable, and have at most 1 MiB)");
        return d;
    }
    return fromText(text, file);
}

void Document::problem(const YAML::Node& at, const std::string& text) {
    problems_.push_back(where(at, "") + ": " + text);
}

std::string Document::where(const YAML::Node& at, const std::string& path) const {
    if (const auto it = from_environment_.find(path); it != from_environment_.end())
        return "environment " + it->second;
    const auto mark = at ? at.Mark() : YAML::Mark::null_mark();
    if (mark.is_null() || mark.line < 0) return file_;
    return file_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
}

void Document::applyEnvironment(const std::vector<std::pair<std::string, std::string>>& variables,
                                const std::set<std::string>& top_level) {
    for (const auto& [name, value] : variables) {
        if (!name.starts_with("PERSONA_")) continue;
        std::vector<std::string> keys(1);
        const std::string path = name.substr(8);
        for (std::size_t i = 0; i < path.size(); ++i) {
            if (path.compare(i, 2, "__") == 0) {
                keys.emplace_back();
                ++i;
            } else {
                keys.back().push_back(
                    static_cast<char>(std::tolower(static_cast<unsigned char>(path[i]))));
            }
        }
        if (top_level.count(keys.front()) == 0) keys.insert(keys.begin(), "common");
        YAML::Node node = root_;
        std::string dotted;
        bool fits = true;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            dotted += (i == 0 ? "" : ".") + keys[i];
            if (node.IsDefined() && !node.IsNull() && !node.IsMap()) {
                problems_.push_back("environment " + name + ": '" + keys[i] +
                                    "' has no map above it in " + file_);
                fits = false;
                break;
            }
            node.reset(node[keys[i]]);
        }
        if (!fits) continue;
        node = value;
        from_environment_[dotted] = name;
    }
}

std::optional<std::string> Document::expand(const YAML::Node& scalar, const std::string& path) {
    const std::string& text = scalar.Scalar();
    std::string out;
    for (std::size_t at = 0;;) {
        const auto open = text.find("${", at);
        out.append(text, at, open == std::string::npos ? std::string::npos : open - at);
        if (open == std::string::npos) return out;
        const auto close = text.find('}', open);
        const std::string inner =
            close == std::string::npos ? "" : text.substr(open + 2, close - open - 2);
        if (inner.starts_with("env:")) {
            const auto otherwise = inner.find(":-");
            const std::string name =
                inner.substr(4, otherwise == std::string::npos ? std::string::npos : otherwise - 4);
            const char* value = std::getenv(name.c_str());
            if (value == nullptr && otherwise != std::string::npos)
                value = inner.c_str() + otherwise + 2;
            if (value == nullptr) {
                problems_.push_back(where(scalar, path) + ": " + path + ": environment variable " +
                                    name + " is not set");
                return std::nullopt;
            }
            out += value;
        } else if (inner.starts_with("file:")) {
            bool ok = false;
            std::string content = readFile(inner.substr(5), ok);
            if (!ok) {
                problems_.push_back(where(scalar, path) + ": " + path + ": file " +
                                    inner.substr(5) + " cannot be read");
                return std::nullopt;
            }
            while (!content.empty() && (content.back() == '\n' || content.back() == '\r'))
                content.pop_back();
            out += content;
        } else {
            problems_.push_back(
                where(scalar, path) + ": " + path +
                ": expected ${env:NAME}, ${env:NAME:-DEFAULT} or ${file:PATH}, got ${" + inner);
            return std::nullopt;
        }
        at = close + 1;
    }
}

MapReader::MapReader(Document& document, const YAML::Node& node, std::string path)
    : document_(document), node_(node), path_(std::move(path)) {
    if (node_ && !node_.IsNull() && !node_.IsMap()) {
        document_.problem(node_, path_ + ": expected a map, got " + kindOf(node_));
        node_ = YAML::Node(YAML::NodeType::Map);
    }
    if (!node_ || node_.IsNull()) node_ = YAML::Node(YAML::NodeType::Map);
}

Document Document::describing() {
    Document d;
    d.schema_ = std::make_shared<SchemaNode>();
    return d;
}

SchemaNode* MapReader::describe(const std::string& key, SchemaNode::Kind kind,
                                const std::string& fallback) {
    if (document_.schema() == nullptr) return nullptr;
    auto& node = document_.schema()->at(sub(key));
    node.kind = kind;
    node.fallback = fallback;
    return &node;
}

bool MapReader::has(const std::string& key) const {
    if (document_.schema() != nullptr) return true;
    const auto n = std::as_const(node_)[key];
    return n.IsDefined() && !n.IsNull();
}

std::optional<std::pair<std::string, YAML::Node>> MapReader::scalar(const std::string& key,
                                                                    const char* expected) {
    known_.insert(key);
    if (document_.schema() != nullptr || !has(key)) return std::nullopt;
    const YAML::Node n = std::as_const(node_)[key];
    if (!n.IsScalar()) {
        document_.problem(n, sub(key) + ": expected " + expected + ", got " + kindOf(n));
        return std::nullopt;
    }
    auto text = document_.expand(n, sub(key));
    if (!text) return std::nullopt;
    return std::make_pair(std::move(*text), n);
}

std::string MapReader::text(const std::string& key, const std::string& fallback, bool secret) {
    describe(key, SchemaNode::Kind::Text, fallback);
    const auto s = scalar(key, "a text");
    document_.note(sub(key), s ? s->first : fallback,
                   s ? document_.where(s->second, sub(key)) : "default", secret);
    return s ? s->first : fallback;
}

std::string MapReader::required(const std::string& key) {
    if (!has(key)) {
        known_.insert(key);
        document_.problem(node_, sub(key) + ": is missing and has no default");
        return "";
    }
    auto value = text(key, "");
    if (document_.schema() != nullptr) document_.schema()->at(sub(key)).required = true;
    return value;
}

std::string MapReader::choice(const std::string& key, const std::string& fallback,
                              const std::vector<std::string>& choices) {
    if (auto* node = describe(key, SchemaNode::Kind::Choice, fallback)) node->choices = choices;
    const auto s = scalar(key, "a word");
    std::string value = s ? s->first : fallback;
    if (s && std::find(choices.begin(), choices.end(), value) == choices.end()) {
        std::string all;
        for (const auto& c : choices) all += (all.empty() ? "" : ", ") + c;
        const auto meant = nearest(value, choices);
        document_.problem(s->second, sub(key) + ": expected one of " + all + ", got \"" + value +
                                         "\"" +
                                         (meant.empty() ? "" : "; did you mean " + meant + "?"));
        value = fallback;
    }
    document_.note(sub(key), value, s ? document_.where(s->second, sub(key)) : "default", false);
    return value;
}

template <typename T, typename Parse>
T MapReader::value(const std::string& key, SchemaNode::Kind kind, T fallback, T min, T max,
                   const char* expected, const std::string& shown, Parse parse) {
    if (auto* node = describe(key, kind, shown);
        node != nullptr && kind == SchemaNode::Kind::Integer) {
        node->min = static_cast<std::int64_t>(min);
        node->max = static_cast<std::int64_t>(max);
    }
    const auto s = scalar(key, expected);
    if (!s) {
        document_.note(sub(key), shown, "default", false);
        return fallback;
    }
    const auto v = parse(s->first);
    if (!v) {
        document_.problem(s->second,
                          sub(key) + ": expected " + expected + ", got \"" + s->first + "\"");
        return fallback;
    }
    if (static_cast<T>(*v) < min || static_cast<T>(*v) > max) {
        document_.problem(s->second, sub(key) + ": " + s->first + " is out of range (" +
                                         std::to_string(min) + " to " + std::to_string(max) + ")");
        return fallback;
    }
    document_.note(sub(key), s->first, document_.where(s->second, sub(key)), false);
    return static_cast<T>(*v);
}

std::int64_t MapReader::integer(const std::string& key, std::int64_t fallback, std::int64_t min,
                                std::int64_t max) {
    return value(key, SchemaNode::Kind::Integer, fallback, min, max, "a whole number",
                 std::to_string(fallback), parseInt);
}
std::int64_t MapReader::duration(const std::string& key, std::int64_t fallback_ms,
                                 std::int64_t min_ms, std::int64_t max_ms) {
    return value(key, SchemaNode::Kind::Duration, fallback_ms, min_ms, max_ms,
                 "a duration such as 30s or 250ms", durationText(fallback_ms), parseDuration);
}
std::int64_t MapReader::microseconds(const std::string& key, std::int64_t fallback_us,
                                     std::int64_t min_us, std::int64_t max_us) {
    return value(key, SchemaNode::Kind::Duration, fallback_us, min_us, max_us,
                 "a duration such as 200us or 1ms", std::to_string(fallback_us) + "us",
                 parseMicroseconds);
}
std::int64_t MapReader::size(const std::string& key, std::int64_t fallback, std::int64_t min,
                             std::int64_t max) {
    return value(key, SchemaNode::Kind::Size, fallback, min, max, "a size such as 10KiB",
                 sizeText(fallback), parseSize);
}
std::uint32_t MapReader::mode(const std::string& key, std::uint32_t fallback) {
    char shown[8];
    std::snprintf(shown, sizeof shown, "%04o", fallback & 0777U);
    return static_cast<std::uint32_t>(value<std::int64_t>(key, SchemaNode::Kind::Mode, fallback, 0,
                                                          0777, "octal permissions such as 0660",
                                                          shown, parseMode));
}

bool MapReader::boolean(const std::string& key, bool fallback) {
    describe(key, SchemaNode::Kind::Boolean, fallback ? "true" : "false");
    const auto s = scalar(key, "true or false");
    bool v = fallback;
    if (s) {
        if (const auto parsed = parseBool(s->first))
            v = *parsed;
        else
            document_.problem(s->second,
                              sub(key) + ": expected true or false, got \"" + s->first + "\"");
    }
    document_.note(sub(key), v ? "true" : "false",
                   s ? document_.where(s->second, sub(key)) : "default", false);
    return v;
}

std::vector<std::string> MapReader::list(const std::string& key) {
    known_.insert(key);
    std::vector<std::string> out;
    if (describe(key, SchemaNode::Kind::List) != nullptr || !has(key)) return out;
    const YAML::Node n = std::as_const(node_)[key];
    if (!n.IsSequence()) {
        document_.problem(n, sub(key) + ": expected a list, got " + kindOf(n));
        return out;
    }
    for (const auto& item : n) {
        if (!item.IsScalar()) {
            document_.problem(item,
                              sub(key) + ": expected a text in the list, got " + kindOf(item));
            continue;
        }
        if (const auto t = document_.expand(item, sub(key))) out.push_back(*t);
    }
    std::string shown;
    for (const auto& o : out) shown += (shown.empty() ? "" : ", ") + o;
    document_.note(sub(key), "[" + shown + "]", document_.where(n, sub(key)), false);
    return out;
}

MapReader MapReader::child(const std::string& key) {
    known_.insert(key);
    if (describe(key, SchemaNode::Kind::Map) != nullptr)
        return MapReader(document_, YAML::Node(), sub(key));
    return MapReader(document_, has(key) ? YAML::Node(std::as_const(node_)[key]) : YAML::Node(),
                     sub(key));
}

std::vector<MapReader> MapReader::children(const std::string& key) {
    known_.insert(key);
    std::vector<MapReader> out;
    if (describe(key, SchemaNode::Kind::Maps) != nullptr)
        out.emplace_back(document_, YAML::Node(), sub(key));
    if (document_.schema() != nullptr || !has(key)) return out;
    const YAML::Node n = std::as_const(node_)[key];
    if (!n.IsSequence()) {
        document_.problem(n, sub(key) + ": expected a list, got " + kindOf(n));
        return out;
    }
    std::size_t i = 0;
    for (const auto& item : n)
        out.emplace_back(document_, YAML::Node(item), sub(key) + "[" + std::to_string(i++) + "]");
    return out;
}

std::vector<std::pair<std::string, MapReader>> MapReader::named(const std::string& key) {
    known_.insert(key);
    std::vector<std::pair<std::string, MapReader>> out;
    if (describe(key, SchemaNode::Kind::Named) != nullptr)
        out.emplace_back("*", MapReader(document_, YAML::Node(), sub(key)));
    if (document_.schema() != nullptr || !has(key)) return out;
    const YAML::Node n = std::as_const(node_)[key];
    if (!n.IsMap()) {
        document_.problem(n, sub(key) + ": expected a map, got " + kindOf(n));
        return out;
    }
    for (const auto& entry : n)
        out.emplace_back(entry.first.Scalar(), MapReader(document_, YAML::Node(entry.second),
                                                         sub(key) + "." + entry.first.Scalar()));
    return out;
}

YAML::Node MapReader::raw(const std::string& key) {
    known_.insert(key);
    if (auto* node = describe(key, SchemaNode::Kind::Map)) {
        node->open = true;
        return YAML::Node(YAML::NodeType::Map);
    }
    return has(key) ? YAML::Node(std::as_const(node_)[key]) : YAML::Node(YAML::NodeType::Map);
}

void MapReader::finish() {
    const std::vector<std::string> names(known_.begin(), known_.end());
    for (const auto& entry : std::as_const(node_)) {
        if (!entry.first.IsScalar() || known_.count(entry.first.Scalar()) != 0) continue;
        const auto meant = nearest(entry.first.Scalar(), names);
        std::string all;
        for (const auto& n : names) all += (all.empty() ? "" : ", ") + n;
        document_.problem(entry.first,
                          "unknown key '" + entry.first.Scalar() + "'" +
                              (path_.empty() ? "" : " in " + path_) + ": expected one of " + all +
                              (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
    }
}

}  // namespace persona::host::config
