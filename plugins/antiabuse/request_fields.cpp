#include "plugins/antiabuse/request_fields.h"

#include <persona/sdk/host.hpp>

#include <algorithm>

namespace persona::antiabuse {

bool sameName(std::string_view name, std::string_view lower) {
    return name.size() == lower.size() &&
           std::equal(name.begin(), name.end(), lower.begin(),
                      [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

RequestFields::RequestFields(const psn_request& r) {
    // From the end, so that the first is what stays.
    for (std::uint32_t i = r.header_count; i-- > 0;) {
        const auto name = sdk::view(r.headers[i].name), value = sdk::view(r.headers[i].value);
        switch (name.size()) {
            case 6:
                if (sameName(name, "cookie"))
                    cookie = value;
                else if (sameName(name, "accept"))
                    accept = value;
                else if (sameName(name, "origin"))
                    origin = value;
                break;
            case 8:
                if (sameName(name, "bid-work")) proof = true;
                break;
            case 10:
                if (sameName(name, "user-agent")) agent = value;
                break;
            case 12:
                if (sameName(name, "content-type")) type = value;
                break;
            case 15:
                if (sameName(name, "accept-language")) language = value;
                break;
            case 16:
                if (sameName(name, "content-encoding")) encoded = true;
                break;
            default:
                break;
        }
    }
}

}  // namespace persona::antiabuse
