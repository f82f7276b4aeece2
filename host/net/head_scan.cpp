#include "host/net/head_scan.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace persona::host::net {

namespace {

constexpr std::array<bool, 256> kToken = [] {
    std::array<bool, 256> t{};
    for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
        t[static_cast<unsigned char>(c)] = true;
    for (int c = '0'; c <= '9'; ++c) t[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c)
        t[static_cast<std::size_t>(c)] = t[static_cast<std::size_t>(c - 32)] = true;
    return t;
}();

HeadScanner::Result bad(unsigned status, const char* counter, const char* reason) {
    return {HeadScanner::State::Bad, 0, status, counter, reason};
}

bool cleanValue(std::string_view v) {
    for (const char c : v) {
        const auto u = static_cast<unsigned char>(c);
        if ((u < 0x20 && u != '\t') || u == 0x7f) return false;
    }
    return true;
}

HeadScanner::Result checkRequestLine(std::string_view line) {
    if (line.starts_with("PRI * HTTP/2")) return bad(505, "bad.http2", "HTTP/2 is not served here");
    const auto a = line.find(' ');
    const auto b = line.rfind(' ');
    if (a == std::string_view::npos || a == b)
        return bad(400, "bad.request_line", "malformed request line");
    const auto method = line.substr(0, a), target = line.substr(a + 1, b - a - 1),
               version = line.substr(b + 1);
    if (!isToken(method)) return bad(400, "bad.method", "malformed method");
    if (target.empty()) return bad(400, "bad.target", "no request target");
    for (const char c : target) {
        const auto u = static_cast<unsigned char>(c);
        // A fragment is never sent; what lies behind # would be path to one and not to another.
        if (u <= 0x20 || u >= 0x7f || c == '#')
            return bad(400, "bad.target", "illegal octet in the request target");
    }
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.')
        return bad(400, "bad.version", "malformed HTTP version");
    if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
        return bad(505, "bad.version", "only versions 1.0 and 1.1 of HTTP are served");
    if (method == "CONNECT") return bad(405, "bad.connect", "CONNECT is not served here");
    return {};
}

HeadScanner::Result checkField(std::string_view line) {
    if (line.front() == ' ' || line.front() == '\t')
        return bad(400, "bad.folding", "folded header field");
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
        return bad(400, "bad.field_name", "malformed header field name");
    if (!cleanValue(line.substr(colon + 1)))
        return bad(400, "bad.field_value", "control octet in a header field");
    return {};
}

}  // namespace

bool isToken(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text)
        if (!kToken[static_cast<unsigned char>(c)]) return false;
    return true;
}

std::string_view trim(std::string_view t) {
    while (!t.empty() && (t.front() == ' ' || t.front() == '\t')) t.remove_prefix(1);
    while (!t.empty() && (t.back() == ' ' || t.back() == '\t')) t.remove_suffix(1);
    return t;
}

bool listHas(std::string_view list, std::string_view token) {
    for (;;) {
        const auto comma = list.find(',');
        if (equalsNoCase(trim(list.substr(0, comma)), token)) return true;
        if (comma == std::string_view::npos) return false;
        list.remove_prefix(comma + 1);
    }
}

bool ConnectionOptions::read(const Fields& fields) {
    count_ = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const auto f = fields[i];
        if (!equalsNoCase(f.name, "connection")) continue;
        for (auto list = f.value;;) {
            const auto comma = list.find(',');
            if (const auto name = trim(list.substr(0, comma)); !name.empty()) {
                if (count_ == kMost) return false;
                names_[count_++] = name;
            }
            if (comma == std::string_view::npos) break;
            list.remove_prefix(comma + 1);
        }
    }
    return true;
}

bool ConnectionOptions::has(std::string_view name) const {
    return std::any_of(names_.begin(), names_.begin() + count_,
                       [&](auto n) { return equalsNoCase(n, name); });
}

bool isAuthority(std::string_view text) {
    if (const auto end = text.find(']'); text.starts_with('[')) {
        if (end == std::string_view::npos) return false;
        for (const char c : text.substr(1, end - 1))
            if (std::string_view("0123456789abcdefABCDEF:.").find(c) == std::string_view::npos)
                return false;
        text.remove_prefix(end + 1);
        if (text.empty()) return true;
        if (text.front() != ':') return false;
    }
    const auto colon = text.find(':');
    for (const char c : text.substr(0, colon))
        if ((!kToken[static_cast<unsigned char>(c)] || c == '#' || c == '^' || c == '`' ||
             c == '|') &&
            std::string_view("();=").find(c) == std::string_view::npos)
            return false;
    if (colon == std::string_view::npos) return true;
    for (const char c : text.substr(colon + 1))
        if (c < '0' || c > '9') return false;
    return true;
}

HeadScanner::Result HeadScanner::scan(std::string_view data, const Limits& limits, bool request) {
    for (;;) {
        const char* from = data.data() + line_start_;
        const std::size_t left = data.size() - line_start_;
        const auto* lf =
            left == 0 ? nullptr : static_cast<const char*>(std::memchr(from, '\n', left));
        if (lf == nullptr) {
            if (data.size() > limits.header_bytes)
                return bad(431, "limit.header_bytes", "request head too large");
            // A CR that is not the last octet can no longer be part of CRLF.
            const auto* cr =
                left == 0 ? nullptr : static_cast<const char*>(std::memchr(from, '\r', left));
            if (cr != nullptr && cr != data.data() + data.size() - 1)
                return bad(400, "bad.bare_cr", "bare CR in the head");
            return {};
        }
        const std::size_t end = static_cast<std::size_t>(lf - data.data());
        if (end + 1 > limits.header_bytes)
            return bad(431, "limit.header_bytes", "request head too large");
        if (lf == from || lf[-1] != '\r') return bad(400, "bad.bare_lf", "bare LF in the head");
        const std::string_view line(from, static_cast<std::size_t>(lf - from) - 1);
        if (line.empty()) {
            if (lines_ == 0) return bad(400, "bad.request_line", "empty request line");
            return {State::Complete, end + 1, 0, "", ""};
        }
        if (std::memchr(line.data(), '\r', line.size()) != nullptr)
            return bad(400, "bad.bare_cr", "bare CR in the head");
        Result r;
        if (lines_ == 0) {
            if (request)
                r = checkRequestLine(line);
            else if (!cleanValue(line))
                r = bad(502, "bad.status_line", "malformed status line");
        } else {
            r = checkField(line);
        }
        if (r.state == State::Bad) return r;
        if (lines_++ > limits.header_fields)
            return bad(431, "limit.header_fields", "too many header fields");
        line_start_ = end + 1;
    }
}

}  // namespace persona::host::net
