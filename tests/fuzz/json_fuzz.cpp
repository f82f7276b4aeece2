#include <set>

#include "libs/protocol/json.h"
#include "tests/fuzz/require.h"

namespace {

using persona::protocol::Json;

/// JSON-2, JSON-3 and the bound of numbers, seen from the result.
void walk(const Json& value, int depth) {
    if (value.isNumber()) PERSONA_REQUIRE(value.number() <= 9007199254740992.0);
    if (value.isNumber()) PERSONA_REQUIRE(value.number() >= -9007199254740992.0);
    if (!value.isArray() && !value.isObject()) return;
    PERSONA_REQUIRE(depth <= 32);
    for (const auto& item : value.items()) walk(item, depth + 1);
    std::set<std::string_view> names;
    for (const auto& [name, member] : value.members()) {
        PERSONA_REQUIRE(names.insert(name).second);
        walk(member, depth + 1);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto json = Json::parse(textOf(data, size));
    if (!json) return 0;
    walk(*json, 1);
    const auto text = json->dump();
    const auto again = Json::parse(text);
    PERSONA_REQUIRE(again.has_value());
    PERSONA_REQUIRE(*again == *json);
    PERSONA_REQUIRE(again->dump() == text);
    return 0;
}
