#include "host/bridge/edge.h"

#include <array>

#include "host/bridge/runtime.h"

namespace persona::host::bridge {

namespace {

/// Octets that a field may not have in its name, and in its value.
constexpr auto kNotInFields = [] {
    struct Tables {
        std::array<bool, 256> name{}, value{};
    } t;
    for (std::size_t c = 0; c < 256; ++c) {
        t.name[c] = c <= 0x20 || c == ':' || c >= 0x7f;
        t.value[c] = (c < 0x20 && c != '\t') || c == 0x7f;
    }
    return t;
}();

bool hasNone(std::string_view text, const std::array<bool, 256>& forbidden) {
    // Such octets hardly ever come: to look at all of them is faster than to stop at the first.
    bool found = false;
    for (const char c : text) found |= forbidden[static_cast<unsigned char>(c)];
    return !found;
}

}  // namespace

bool cleanField(std::string_view name, std::string_view value) {
    return !name.empty() && name.size() <= 256 && value.size() <= kLongestValue &&
           hasNone(name, kNotInFields.name) && hasNone(value, kNotInFields.value);
}

bool cleanFields(const psn_header* fields, std::uint32_t count) {
    if (count > kMostFields || (count != 0 && fields == nullptr)) return false;
    for (std::uint32_t i = 0; i < count; ++i)
        if (!cleanField(toView(fields[i].name), toView(fields[i].value))) return false;
    return true;
}

bool cleanTarget(std::string_view target) {
    for (const char c : target)
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
    return true;
}

bool isValid(const psn_response* r) {
    return r != nullptr && r->struct_size >= sizeof(psn_response) && r->status >= 200 &&
           r->status <= 599 && cleanFields(r->headers, r->header_count);
}

}  // namespace persona::host::bridge
