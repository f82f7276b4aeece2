#include "libs/wsapi/form.h"

namespace persona::wsapi {

namespace {

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool decode(std::string_view in, std::string& out) {
    for (std::size_t i = 0; i < in.size(); ++i) {
        if (in[i] == '+') {
            out.push_back(' ');
        } else if (in[i] == '%') {
            if (i + 2 >= in.size()) return false;
            const int a = hex(in[i + 1]), b = hex(in[i + 2]);
            if (a < 0 || b < 0) return false;
            out.push_back(static_cast<char>(a << 4 | b));
            i += 2;
        } else {
            out.push_back(in[i]);
        }
    }
    return true;
}

}  // namespace

std::optional<Pairs> parseForm(std::string_view text) {
    Pairs out;
    while (!text.empty()) {
        const auto amp = text.find('&');
        const auto pair = text.substr(0, amp);
        if (!pair.empty()) {
            if (out.size() >= 100) return std::nullopt;
            const auto equals = pair.find('=');
            out.emplace_back();
            if (!decode(pair.substr(0, equals), out.back().first)) return std::nullopt;
            if (equals != std::string_view::npos &&
                !decode(pair.substr(equals + 1), out.back().second))
                return std::nullopt;
        }
        if (amp == std::string_view::npos) break;
        text.remove_prefix(amp + 1);
    }
    return out;
}

std::string mediaType(std::string_view type) {
    std::string out(type.substr(0, type.find(';')));
    while (!out.empty() && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
    for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

std::string hostOf(std::string_view url) {
    const auto scheme = url.find("://");
    auto rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
    rest = rest.substr(0, rest.find_first_of("/?#"));
    const auto bracket = rest.rfind(']');
    const auto colon = rest.rfind(':');
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
        rest = rest.substr(0, colon);
    return mediaType(rest);
}

}  // namespace persona::wsapi
