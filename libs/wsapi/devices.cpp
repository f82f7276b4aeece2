#include "libs/wsapi/devices.h"

#include <algorithm>
#include <charconv>

#include "libs/protocol/base64url.h"
#include "libs/wsapi/seal.h"
#include "libs/wsapi/session.h"

namespace persona::wsapi {

namespace {
constexpr std::string_view kName = "bid_dev";
constexpr std::size_t kMaxEntries = 4, kIdLength = 22, kMacLength = 43;
constexpr std::int64_t kRenewAfterMs = 30LL * 86'400'000;
}  // namespace

DeviceCookies::DeviceCookies(const KeyRing& secrets, bool secure)
    : keys_(deriveKeys(secrets, "persona device cookie 1")), secure_(secure) {}

std::vector<DeviceCookies::Entry> DeviceCookies::read(std::string_view field, std::int64_t now_ms) {
    std::vector<Entry> out;
    auto rest = cookieValue(field, kName).value_or("");
    if (rest.size() > 1'024) return out;
    while (!rest.empty() && out.size() < kMaxEntries) {
        const auto end = rest.find('~');
        const auto text = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        const auto a = text.find('.'), b = text.rfind('.');
        if (a != kIdLength || b == a || b + 1 + kMacLength != text.size()) continue;
        Entry e{std::string(text.substr(0, a)), 0, std::string(text.substr(b + 1))};
        const auto* last = text.data() + b;
        const auto [at, error] = std::from_chars(text.data() + a + 1, last, e.issued_ms);
        if (error != std::errc{} || at != last || e.issued_ms < 0 || e.issued_ms > now_ms ||
            now_ms - e.issued_ms > kLifeMs)
            continue;
        out.push_back(std::move(e));
    }
    return out;
}

std::string DeviceCookies::macOf(const std::string& key, const Entry& e,
                                 std::int64_t account) const {
    return protocol::encodeBase64Url(
        hmacSha256(key, e.id + "." + std::to_string(e.issued_ms) + "." + std::to_string(account)));
}

bool DeviceCookies::isOf(const Entry& e, std::int64_t account) const {
    return std::any_of(keys_.begin(), keys_.end(), [&](const std::string& key) {
        return equalSecrets(macOf(key, e, account), e.mac);
    });
}

std::optional<std::string> DeviceCookies::find(std::string_view field, std::int64_t account,
                                               std::int64_t now_ms) const {
    for (const auto& e : read(field, now_ms))
        if (isOf(e, account)) return e.id;
    return std::nullopt;
}

std::optional<std::string> DeviceCookies::issue(std::string_view field, std::int64_t account,
                                                std::int64_t now_ms) const {
    auto entries = read(field, now_ms);
    Entry own{protocol::encodeBase64Url(randomOctets(16)), now_ms, ""};
    for (auto e = entries.begin(); e != entries.end(); ++e) {
        if (!isOf(*e, account)) continue;
        if (now_ms - e->issued_ms < kRenewAfterMs) return std::nullopt;
        own.id = e->id;
        entries.erase(e);
        break;
    }
    own.mac = macOf(keys_.front(), own, account);
    entries.insert(entries.begin(), own);
    if (entries.size() > kMaxEntries) entries.resize(kMaxEntries);
    std::string value;
    for (const auto& e : entries)
        value +=
            (value.empty() ? "" : "~") + e.id + "." + std::to_string(e.issued_ms) + "." + e.mac;
    return std::string(kName) + "=" + value +
           "; path=/wsapi; expires=" + httpDate(now_ms + kLifeMs) + (secure_ ? "; secure" : "") +
           "; httponly; samesite=lax";
}

}  // namespace persona::wsapi
