#include "libs/mail/header.h"

#include <algorithm>

#include "libs/mail/encode.h"
#include "libs/protocol/names.h"

namespace persona::mail {

namespace {

constexpr std::size_t kWanted = 78;  // RFC 5322 2.1.1
constexpr std::size_t kMost = 998;

bool isPrintable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Valid UTF-8 without control characters, also those of U+0080 to U+009F and the line separators.
bool isCleanText(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        const auto length = utf8Length(text.substr(i));
        if (length == 0 || c < 0x20 || c == 0x7f) return false;
        const auto rest = text.substr(i, length);
        if (c == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0) return false;
        if (rest == "\u2028" || rest == "\u2029") return false;
        i += length;
    }
    return true;
}

bool needsEncoding(std::string_view text) {
    return !isPrintable(text) || text.find("=?") != std::string_view::npos;
}

}  // namespace

void Header::fail(std::string_view name, std::string_view why) {
    if (error_.empty()) error_ = "header field " + std::string(name) + ": " + std::string(why);
}

void Header::add(std::string_view name, std::string_view value) {
    if (!isPrintable(value)) return fail(name, "has characters that may not be in a header");
    if (name.size() + 2 + value.size() > kMost) return fail(name, "is too long");
    text_.append(name).append(": ").append(value).append("\r\n");
}

void Header::addText(std::string_view name, std::string_view text) {
    if (!isCleanText(text)) return fail(name, "has characters that may not be in a header");
    if (!needsEncoding(text) && name.size() + 2 + text.size() <= kWanted) return add(name, text);
    if (text.size() > 4 * kMost) return fail(name, "is too long");
    std::string folded = encodedWords(text);
    // One encoded-word a line: they are separated by the only spaces that there are. The first
    // shares its line with the name and may pass 78 octets by a few, far below the limit of 998.
    for (std::size_t at = folded.find(' '); at != std::string::npos; at = folded.find(' ', at + 3))
        folded.replace(at, 1, "\r\n ");
    text_.append(name).append(": ").append(folded).append("\r\n");
}

Result<std::string> Header::text() const {
    if (!error_.empty()) return Error{error_};
    return text_;
}

Result<Mailbox> parseMailbox(std::string_view text) {
    const auto trim = [](std::string_view s) {
        while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
        while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
        return s;
    };
    text = trim(text);
    std::string_view name, address = text;
    if (text.ends_with('>')) {
        const auto open = text.rfind('<');
        if (open == std::string_view::npos) return Error{"expected 'Name <address>'"};
        name = trim(text.substr(0, open));
        address = text.substr(open + 1, text.size() - open - 2);
    }
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
        name = name.substr(1, name.size() - 2);
    if (!protocol::emailDomain(address))
        return Error{"expected 'Name <address>' with an address such as no-reply@example.org"};
    if (!isCleanText(name) || name.size() > 200)
        return Error{"the name has control characters, is not UTF-8 or has over 200 octets"};
    Mailbox out{std::string(address), std::string(address)};
    if (name.empty()) return out;
    std::string shown;
    if (needsEncoding(name)) {
        shown = encodedWords(name);
    } else {
        shown = "\"";
        for (const char c : name) {
            if (c == '"' || c == '\\') shown += '\\';
            shown += c;
        }
        shown += '"';
    }
    out.header = shown + " <" + out.address + ">";
    return out;
}

}  // namespace persona::mail
