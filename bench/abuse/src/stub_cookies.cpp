#include "bench/abuse/src/stub_cookies.h"

#include <charconv>
#include <chrono>
#include <stdexcept>

#include "bench/abuse/src/world.h"

namespace persona::abuse {

namespace {

constexpr std::string_view kSession = "browserid_state";
constexpr std::int64_t kSessionMs = 28LL * 86'400'000;

wsapi::KeyRing readKeys(const std::string& file) {
    auto keys = wsapi::loadOrCreateKeyRing(file);
    if (!keys) throw std::runtime_error(keys.error());
    return std::move(*keys);
}

std::uint64_t hashOf(std::string_view text, std::uint64_t h) {
    for (const char c : text) h = mix(h ^ static_cast<unsigned char>(c));
    return h;
}

std::int64_t unixMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

std::string Cookies::Session::csrf() const {
    return hex(hashOf(id, 0xC5F));
}

Cookies::Cookies(const std::string& class_secret)
    : key_(hashOf(class_secret, static_cast<std::uint64_t>(unixMs()))),
      classes_(readKeys(class_secret), false) {}

std::string Cookies::macOf(std::string_view id, std::string_view account) const {
    return hex(hashOf(account, hashOf(id, key_)));
}

std::optional<Cookies::Session> Cookies::session(std::string_view field) const {
    const auto value = cookieOf(field, kSession);
    const auto a = value.find('.'), b = value.rfind('.');
    if (a == std::string_view::npos || a == b) return std::nullopt;
    const auto id = value.substr(0, a), account = value.substr(a + 1, b - a - 1);
    if (value.substr(b + 1) != macOf(id, account)) return std::nullopt;
    Session out{std::string(id), std::nullopt};
    std::uint32_t n = 0;
    if (std::from_chars(account.data(), account.data() + account.size(), n).ec == std::errc{})
        out.account = n;
    return out;
}

Cookies::Session Cookies::fresh(std::optional<std::uint32_t> account) {
    return {hex(mix(key_ ^ ++count_)), account};
}

std::string Cookies::set(const Session& s, std::string_view field, std::string_view proven) const {
    const auto account = s.account ? std::to_string(*s.account) : "-";
    std::string out = "Set-Cookie: " + std::string(kSession) + "=" + s.id + "." + account + "." +
                      macOf(s.id, account) + "; path=/wsapi; httponly\r\n";
    const auto now = unixMs();
    // As the roles do: an address that was shown to be one's own counts, signed in or not.
    const auto value =
        s.account || !proven.empty()
            ? classes_.signedIn(field, proven, s.account ? now + kSessionMs : now, now)
            : classes_.signedOut(field, now);
    return value ? out + "Set-Cookie: " + *value + "\r\n" : out;
}

std::string Cookies::setKnown(std::string_view address) const {
    const auto now = unixMs();
    const auto value = classes_.signedIn("", address, now, now);
    return value ? "Set-Cookie: " + *value + "\r\n" : "";
}

}  // namespace persona::abuse
