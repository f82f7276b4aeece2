#include "libs/mail/encode.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <ctime>

namespace persona::mail {

namespace {

constexpr std::size_t kLine = 76;
constexpr std::string_view kUpperHex = "0123456789ABCDEF";

/// RFC 2047 section 2: an encoded-word has at most 75 octets, "=?utf-8?B?" and "?=" take 12.
constexpr std::size_t kWordOctets = (75 - 12) / 4 * 3;

/// What one octet becomes; `last`: it ends its line, where a space may not stand bare.
std::string quoted(unsigned char c, bool last) {
    if ((c > 32 && c < 127 && c != '=') || (c == ' ' && !last)) return {static_cast<char>(c)};
    return {'=', kUpperHex[c >> 4], kUpperHex[c & 15]};
}

}  // namespace

std::string base64(std::string_view octets) {
    std::string out((octets.size() + 2) / 3 * 4 + 1, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                    reinterpret_cast<const unsigned char*>(octets.data()),
                    static_cast<int>(octets.size()));
    out.pop_back();
    return out;
}

std::string quotedPrintable(std::string_view text) {
    std::string out;
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') {
            out += "\r\n";
            column = 0;
            continue;
        }
        const bool last = i + 1 == text.size() || text[i + 1] == '\n';
        auto piece = quoted(static_cast<unsigned char>(text[i]), last);
        // A line that is "." alone or begins with one is the transport's business (dot-stuffing),
        // but broken relays exist: no line of ours begins with one.
        if (column == 0 && text[i] == '.') piece = "=2E";
        if (column + piece.size() > (last ? kLine : kLine - 1)) {
            out += "=\r\n";
            column = 0;
            if (text[i] == '.') piece = "=2E";
        }
        out += piece;
        column += piece.size();
    }
    return out;
}

std::size_t utf8Length(std::string_view text) {
    if (text.empty()) return 0;
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = at(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((at(i) & 0xC0) != 0x80) return 0;
    // Overlong forms, surrogates and what lies beyond U+10FFFF.
    const unsigned char second = at(1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
        return 0;
    return length;
}

std::string encodedWords(std::string_view text) {
    std::string out;
    std::size_t begin = 0;
    while (begin < text.size()) {
        std::size_t end = begin;
        while (end < text.size()) {
            const std::size_t length = utf8Length(text.substr(end));
            if (length == 0 || end + length - begin > kWordOctets) break;
            end += length;
        }
        if (end == begin) break;  // not UTF-8: the caller has checked
        if (!out.empty()) out += ' ';
        out += "=?utf-8?B?" + base64(text.substr(begin, end - begin)) + "?=";
        begin = end;
    }
    return out;
}

std::string mailDate(std::int64_t unix_ms) {
    // Not strftime: its names follow the locale of the process.
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = unix_ms / 1000;
    std::tm tm{};
    gmtime_r(&seconds, &tm);
    std::array<char, 64> out{};
    std::snprintf(out.data(), out.size(), "%s, %02d %s %04d %02d:%02d:%02d +0000",
                  kDays[static_cast<std::size_t>(tm.tm_wday)], tm.tm_mday,
                  kMonths[static_cast<std::size_t>(tm.tm_mon)], tm.tm_year + 1900, tm.tm_hour,
                  tm.tm_min, tm.tm_sec);
    return out.data();
}

std::string hex(std::string_view octets) {
    std::string out;
    for (const char c : octets) {
        const auto u = static_cast<unsigned char>(c);
        out += "0123456789abcdef"[u >> 4];
        out += "0123456789abcdef"[u & 15];
    }
    return out;
}

}  // namespace persona::mail
