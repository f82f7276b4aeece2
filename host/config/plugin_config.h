#pragma once

#include <persona/abi/config.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/config/reader.h"

namespace persona::host::config {

/// The checked values of one plugin's options; what psn_config points to.
class PluginConfig {
  public:
    struct Value {
        psn_option_type type = 0;
        bool set = false;
        std::string text;
        std::int64_t number = 0;
        double real = 0;
        std::vector<std::pair<std::string, std::string>> items;  ///< LIST: empty keys
    };
    [[nodiscard]] const Value* find(std::string_view name) const;

    /// Checks `own` (the plugin's `config:`) and `common` against the table. Keys of `common` that
    /// the table declares are added to `used_common`. Problems go to the document.
    static std::unique_ptr<PluginConfig> read(Document& document, const psn_option* options,
                                              std::size_t count, const YAML::Node& own,
                                              const YAML::Node& common, const std::string& path,
                                              std::set<std::string>& used_common);

  private:
    std::map<std::string, Value, std::less<>> values_;
};

/// Reports keys of `common` (dotted) that no plugin declares.
void finishCommon(Document& document, const YAML::Node& common, const std::set<std::string>& used);

/// The psn.config/1 table.
[[nodiscard]] const psn_config_api& configApi();

}  // namespace persona::host::config
