#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "host/config/schema.h"

namespace persona::host::config {

/// One effective value and where it came from, for print-config.
struct Effective {
    std::string path, value, origin;
    bool secret = false;
};

/// Table of options by which a part of the file was read, for the schema. The tables are in
/// plugins, which are never unmapped.
struct NotedOptions {
    std::string path, module;
    const psn_option* options = nullptr;
    std::size_t count = 0;
};

/// A YAML file with overrides applied, and what was found wrong or effective while it was read.
class Document {
  public:
    /// Reads at most 1 MiB. Problems are in problems().
    static Document load(const std::string& file);
    /// An empty file that notes in schema() what is asked of it.
    static Document describing();
    static Document fromText(const std::string& text, const std::string& name);

    /// PERSONA_A__B=x sets a.b; a first key that is not in `top_level` goes under `common`.
    void applyEnvironment(const std::vector<std::pair<std::string, std::string>>& variables,
                          const std::set<std::string>& top_level);
    [[nodiscard]] const YAML::Node& root() const { return root_; }
    [[nodiscard]] const std::string& file() const { return file_; }
    [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }
    [[nodiscard]] const std::vector<Effective>& effective() const { return effective_; }

    /// `file:line:column: text`.
    void problem(const YAML::Node& at, const std::string& text);
    void note(const std::string& path, const std::string& value, const std::string& origin,
              bool secret) {
        effective_.push_back({path, value, origin, secret});
    }
    /// nullptr: a file is read.
    [[nodiscard]] SchemaNode* schema() const { return schema_.get(); }
    [[nodiscard]] const std::vector<NotedOptions>& options() const { return options_; }
    void note(NotedOptions options) { options_.push_back(std::move(options)); }
    /// Where a node stands: "file:3:7", or the environment variable that set `path`.
    [[nodiscard]] std::string where(const YAML::Node& at, const std::string& path) const;
    /// The scalar with ${file:PATH}, ${env:NAME} and ${env:NAME:-DEFAULT} put in; nullopt after a
    /// problem.
    std::optional<std::string> expand(const YAML::Node& scalar, const std::string& path);

  private:
    YAML::Node root_;
    std::string file_;
    std::vector<std::string> problems_;
    std::vector<Effective> effective_;
    std::map<std::string, std::string> from_environment_;
    std::shared_ptr<SchemaNode> schema_;
    std::vector<NotedOptions> options_;
};

/// One map of the file: every key is asked for once; finish() reports the others.
class MapReader {
  public:
    MapReader(Document& document, const YAML::Node& node, std::string path);
    std::string text(const std::string& key, const std::string& fallback, bool secret = false);
    std::string required(const std::string& key);
    std::string choice(const std::string& key, const std::string& fallback,
                       const std::vector<std::string>& choices);
    std::int64_t integer(const std::string& key, std::int64_t fallback, std::int64_t min,
                         std::int64_t max);
    bool boolean(const std::string& key, bool fallback);
    /// File permissions in octal, such as 0660 or "0660"; 0 to 0777.
    std::uint32_t mode(const std::string& key, std::uint32_t fallback);
    std::int64_t duration(const std::string& key, std::int64_t fallback_ms, std::int64_t min_ms,
                          std::int64_t max_ms);
    std::int64_t microseconds(const std::string& key, std::int64_t fallback_us, std::int64_t min_us,
                              std::int64_t max_us);
    std::int64_t size(const std::string& key, std::int64_t fallback, std::int64_t min,
                      std::int64_t max);
    std::vector<std::string> list(const std::string& key);
    /// Sub-maps: an empty one when absent.
    MapReader child(const std::string& key);
    std::vector<MapReader> children(const std::string& key);  ///< sequence of maps
    std::vector<std::pair<std::string, MapReader>> named(const std::string& key);  ///< map of maps
    YAML::Node raw(const std::string& key);  ///< read elsewhere
    [[nodiscard]] bool has(const std::string& key) const;
    [[nodiscard]] const YAML::Node& node() const { return node_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    Document& document() { return document_; }
    void finish();

  private:
    /// Notes what kind of value a key has, where a schema is wanted.
    SchemaNode* describe(const std::string& key, SchemaNode::Kind kind,
                         const std::string& fallback = "");
    std::optional<std::pair<std::string, YAML::Node>> scalar(const std::string& key,
                                                             const char* expected);
    [[nodiscard]] std::string sub(const std::string& key) const {
        return path_.empty() ? key : path_ + "." + key;
    }
    template <typename T, typename Parse>
    T value(const std::string& key, SchemaNode::Kind kind, T fallback, T min, T max,
            const char* expected, const std::string& shown, Parse parse);
    Document& document_;
    YAML::Node node_;
    std::string path_;
    std::set<std::string> known_;
};

}  // namespace persona::host::config
