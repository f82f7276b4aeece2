#include "examples/mailbox/mail.h"

#include <openssl/evp.h>

#include <map>

namespace persona::examples {

namespace {

using Fields = std::map<std::string, std::string>;

std::string lower(std::string_view s) {
    std::string out(s);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return out;
}

std::string_view trimmed(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
        s.remove_suffix(1);
    return s;
}

std::string_view nextLine(std::string_view& rest) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// Takes the header section off the front of `rest`.
Fields takeFields(std::string_view& rest) {
    Fields fields;
    std::string last;
    while (!rest.empty()) {
        const auto line = nextLine(rest);
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t') {
            if (!last.empty()) fields[last] += " " + std::string(trimmed(line));
            continue;
        }
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        last = lower(line.substr(0, colon));
        fields[last] = std::string(trimmed(line.substr(colon + 1)));
    }
    return fields;
}

int hexOf(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string quotedPrintable(std::string_view rest) {
    std::string out;
    while (!rest.empty()) {
        auto line = trimmed(nextLine(rest));
        const bool soft = line.ends_with('=');
        if (soft) line.remove_suffix(1);
        for (std::size_t i = 0; i < line.size(); ++i) {
            if (line[i] == '=' && i + 2 < line.size() && hexOf(line[i + 1]) >= 0 &&
                hexOf(line[i + 2]) >= 0) {
                out.push_back(static_cast<char>(hexOf(line[i + 1]) * 16 + hexOf(line[i + 2])));
                i += 2;
            } else {
                out.push_back(line[i]);
            }
        }
        if (!soft) out.push_back('\n');
    }
    return out;
}

std::string base64(std::string_view text) {
    std::string out(text.size() / 4 * 3, '\0');
    const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                  reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()));
    if (n < 0) return {};
    out.resize(static_cast<std::size_t>(n));
    for (int pad = 0; pad < 2 && text.ends_with('='); ++pad, text.remove_suffix(1)) out.pop_back();
    return out;
}

/// =?UTF-8?B?...?= words; white space between two of them is not part of the text.
std::string decodedWords(std::string_view text) {
    std::string out;
    bool after_word = false;
    while (!text.empty()) {
        const auto start = text.find("=?UTF-8?B?");
        const auto end = start == std::string_view::npos ? start : text.find("?=", start + 10);
        if (end == std::string_view::npos) return out.append(text);
        const auto before = text.substr(0, start);
        if (!(after_word && trimmed(before).empty())) out.append(before);
        out += base64(text.substr(start + 10, end - start - 10));
        text.remove_prefix(end + 2);
        after_word = true;
    }
    return out;
}

std::string decoded(const Fields& fields, std::string_view body) {
    const auto coding = fields.find("content-transfer-encoding");
    if (coding == fields.end()) return std::string(body);
    if (lower(coding->second) == "quoted-printable") return quotedPrintable(body);
    return std::string(body);
}

std::string boundaryOf(const std::string& type) {
    const auto at = type.find("boundary=");
    if (at == std::string::npos) return {};
    auto value = std::string_view(type).substr(at + 9);
    if (value.starts_with('"')) return std::string(value.substr(1, value.find('"', 1) - 1));
    return std::string(value.substr(0, value.find(';')));
}

}  // namespace

std::optional<Mail> parseMail(std::string_view octets) {
    auto rest = octets;
    const auto fields = takeFields(rest);
    const auto field = [&](const char* name) {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string() : found->second;
    };
    Mail mail;
    mail.to = field("to");
    mail.subject = decodedWords(field("subject"));
    mail.link = field("x-browserid-verificationurl");
    if (mail.to.empty()) return std::nullopt;
    const auto boundary = boundaryOf(field("content-type"));
    if (boundary.empty()) {
        mail.text = decoded(fields, rest);
        return mail;
    }
    const std::string mark = "--" + boundary;
    for (auto at = rest.find(mark); at != std::string_view::npos;) {
        auto part = rest.substr(at + mark.size());
        if (part.starts_with("--")) break;
        const auto end = part.find(mark);
        const auto next = end == std::string_view::npos ? end : at + mark.size() + end;
        part = part.substr(0, end);
        nextLine(part);
        const auto own = takeFields(part);
        const auto type = own.find("content-type");
        const auto name = type == own.end() ? std::string() : lower(type->second);
        if (name.starts_with("text/html")) mail.html = decoded(own, part);
        if (name.starts_with("text/plain")) mail.text = decoded(own, part);
        at = next;
    }
    return mail;
}

}  // namespace persona::examples
