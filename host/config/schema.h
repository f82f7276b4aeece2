#pragma once

#include <persona/abi/config.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace persona::host::config {

/// What may stand at one place of the file, noted by the very calls that read and check it
/// (MapReader) or by a plugin's table of options. [control]
class SchemaNode {
  public:
    enum class Kind {
        Text,
        Choice,
        Integer,
        Boolean,
        Mode,
        Duration,
        Size,
        Number,
        List,
        Map,
        Maps,
        Named
    };
    Kind kind = Kind::Map;
    std::vector<std::string> choices;
    std::int64_t min = 0, max = 0;  ///< both 0: no bounds
    std::string fallback, doc;
    bool required = false;
    bool open = false;  ///< keys beside those that are named here are checked elsewhere
    std::map<std::string, SchemaNode> keys;  ///< of Map; of each item of Maps and Named
    /// For Maps: what `config` holds, by the item's `module`.
    std::map<std::string, std::map<std::string, SchemaNode>> by_module;

    /// The node at a dotted path below this one; maps on the way are made.
    SchemaNode& at(const std::string& path);
    /// Notes an option of a plugin under its dotted name.
    static void add(std::map<std::string, SchemaNode>& keys, const psn_option& option);
    /// JSON Schema 2020-12. `title` stands at its top; empty for a part.
    [[nodiscard]] std::string json(const std::string& title = "") const;
};

/// All keys that the host knows itself, from a reading of an empty file.
[[nodiscard]] SchemaNode hostSchema();

class Document;
/// JSON Schema of the file that was read into `document`, with the options of its plugins.
[[nodiscard]] std::string schemaOf(const Document& document);

}  // namespace persona::host::config
