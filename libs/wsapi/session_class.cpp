#include "libs/wsapi/session_class.h"

#include <algorithm>
#include <charconv>

#include "libs/protocol/base64url.h"
#include "libs/protocol/names.h"
#include "libs/wsapi/seal.h"
#include "libs/wsapi/session.h"

namespace persona::wsapi {

namespace {

constexpr std::string_view kName = "bid_class";
constexpr std::size_t kId = 16, kTag = 8, kMac = 22, kLongest = 128;
constexpr std::int64_t kHourMs = 3'600'000, kMostHours = 10'000'000;
constexpr std::int64_t kRenewMs = 30LL * 86'400'000;

/// Digits alone, no sign, no leading zero but for 0 itself.
std::optional<std::int64_t> hours(std::string_view text) {
    std::int64_t n = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || at != text.data() + text.size() || n < 0 || n > kMostHours ||
        (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    return n;
}

std::int64_t hourAfter(std::int64_t ms) {
    return ms / kHourMs + 1;
}

}  // namespace

ClassCookies::ClassCookies(const KeyRing& secrets, bool secure)
    : keys_(deriveKeys(secrets, "persona class cookie 1")), secure_(secure) {}

std::string ClassCookies::tagOf(std::uint32_t key, std::string_view id,
                                std::string_view address) const {
    const auto mac =
        hmacSha256(keys_[key], "account|" + std::string(id) + "|" + protocol::toLower(address));
    return protocol::encodeBase64Url(std::string_view(mac).substr(0, 6));
}

std::string ClassCookies::macOf(std::uint32_t key, std::string_view text) const {
    return protocol::encodeBase64Url(std::string_view(hmacSha256(keys_[key], text)).substr(0, 16));
}

ClassCookies::Found ClassCookies::read(std::string_view field, Class& out) const {
    const auto value = cookieValue(field, kName);
    if (!value) return Found::None;
    if (value->size() > kLongest) return Found::Forged;
    const auto last = value->rfind('.');
    if (last == std::string_view::npos || value->size() - last - 1 != kMac) return Found::Forged;
    const auto text = value->substr(0, last), mac = value->substr(last + 1);
    std::array<std::string_view, 4> parts;
    auto rest = text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto dot = rest.find('.');
        if ((dot == std::string_view::npos) != (i + 1 == parts.size())) return Found::Forged;
        parts[i] = rest.substr(0, dot);
        if (dot != std::string_view::npos) rest.remove_prefix(dot + 1);
    }
    const auto signed_until = hours(parts[0]), known_until = hours(parts[1]);
    if (!signed_until || !known_until || parts[2].size() != kId || parts[3].size() % kTag != 0 ||
        parts[3].size() > kMaxAccounts * kTag)
        return Found::Forged;
    for (std::uint32_t key = 0; key < keys_.size(); ++key) {
        if (!equalSecrets(macOf(key, text), mac)) continue;
        out = {*signed_until * kHourMs, *known_until * kHourMs, parts[2], parts[3], key};
        return Found::Ours;
    }
    return Found::Forged;
}

bool ClassCookies::knows(const Class& known, std::string_view address, std::int64_t now_ms) const {
    if (now_ms >= known.known_until_ms || known.accounts.empty() || known.key >= keys_.size())
        return false;
    const auto tag = tagOf(known.key, known.id, address);
    bool found = false;
    for (std::size_t at = 0; at < known.accounts.size(); at += kTag)
        found |= equalSecrets(known.accounts.substr(at, kTag), tag);
    return found;
}

std::string ClassCookies::write(const std::string& text, std::int64_t now_ms) const {
    return std::string(kName) + "=" + text + "." + macOf(0, text) + attributes(now_ms + kKnownMs);
}

std::string ClassCookies::attributes(std::int64_t expires_ms) const {
    return "; path=/; expires=" + httpDate(expires_ms) + (secure_ ? "; secure" : "") +
           "; httponly; samesite=lax";
}

std::optional<std::string> ClassCookies::signedIn(std::string_view field, std::string_view address,
                                                  std::int64_t session_until_ms,
                                                  std::int64_t now_ms) const {
    Class old;
    // Tags are bound to the key: after a change of keys a browser begins anew.
    const bool have = read(field, old) == Found::Ours && old.key == 0;
    const std::string id = have ? std::string(old.id) : protocol::encodeBase64Url(randomOctets(12));
    const auto own = address.empty() ? std::string() : tagOf(0, id, address);
    std::string accounts = own;
    if (have && now_ms < old.known_until_ms)
        for (std::size_t at = 0; at < old.accounts.size() && accounts.size() < kMaxAccounts * kTag;
             at += kTag)
            if (old.accounts.substr(at, kTag) != own) accounts += old.accounts.substr(at, kTag);
    const auto signed_until = hourAfter(session_until_ms);
    if (have && accounts == old.accounts && signed_until * kHourMs == old.signed_until_ms &&
        old.known_until_ms - now_ms > kKnownMs - kRenewMs)
        return std::nullopt;
    return write(std::to_string(signed_until) + "." + std::to_string(hourAfter(now_ms + kKnownMs)) +
                     "." + id + "." + accounts,
                 now_ms);
}

std::optional<std::string> ClassCookies::signedOut(std::string_view field,
                                                   std::int64_t now_ms) const {
    Class old;
    const auto found = read(field, old);
    if (found == Found::Forged) return std::string(kName) + "=" + attributes(0);
    if (found != Found::Ours || old.signed_until_ms == 0) return std::nullopt;
    // Under a key of before the tags would not be found again; the next sign-in makes new ones.
    const auto accounts = old.key == 0 ? std::string(old.accounts) : std::string();
    return write("0." + std::to_string(old.known_until_ms / kHourMs) + "." + std::string(old.id) +
                     "." + accounts,
                 now_ms);
}

}  // namespace persona::wsapi
