#include "bench/abuse/src/jar.h"

#include <algorithm>

namespace persona::abuse {

void Jar::put(std::string_view name, std::string_view value) {
    const auto at = std::find_if(cookies_.begin(), cookies_.end(),
                                 [&](const auto& c) { return c.first == name; });
    if (at != cookies_.end())
        at->second = value;
    else
        cookies_.emplace_back(name, value);
}

void Jar::take(const Message& answer) {
    for (const auto& [key, value] : answer.fields) {
        if (!equalNoCase(key, "set-cookie")) continue;
        const auto pair = std::string_view(value).substr(0, value.find(';'));
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos) put(pair.substr(0, equals), pair.substr(equals + 1));
    }
}

std::string Jar::field() const {
    if (cookies_.empty()) return {};
    std::string out = "Cookie: ";
    for (const auto& [name, value] : cookies_)
        out.append(out.size() > 8 ? "; " : "").append(name).append("=").append(value);
    return out + "\r\n";
}

}  // namespace persona::abuse
