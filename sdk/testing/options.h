#pragma once

#include <persona/abi/config.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The values of one instance, typed as its options say.
struct psn_config {
    struct Value {
        psn_option_type type = 0;
        std::string text;
        std::int64_t number = 0;
        double real = 0;
        std::vector<std::pair<std::string, std::string>> items;
        bool set = false;
    };
    std::map<std::string, Value, std::less<>> values;
};

namespace persona::testing {

/// Reads the lines of `text` against the table, as the host reads YAML: unknown names, wrong types,
/// units and ranges, and what is missing throw std::runtime_error that names the option.
[[nodiscard]] psn_config readOptions(std::string_view text, const psn_option* options,
                                     std::uint32_t count);
/// Words for a type: "a duration such as 30s".
[[nodiscard]] std::string_view typeText(psn_option_type type);

}  // namespace persona::testing
