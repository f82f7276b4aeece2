#include "libs/wsapi/session.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "libs/protocol/base64url.h"
#include "libs/protocol/json.h"
#include "libs/wsapi/seal.h"

namespace persona::wsapi {

namespace {

using protocol::Json;

constexpr std::int64_t kTenYears = 315'360'000'000;
constexpr std::size_t kMaxCookie = 4'096;

std::string md5Prefix(std::string_view text) {
    std::array<unsigned char, 16> digest{};
    EVP_Q_digest(nullptr, "MD5", nullptr, text.data(), text.size(), digest.data(), nullptr);
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < 3; ++i) {
        out.push_back(kHex[digest[i] >> 4]);
        out.push_back(kHex[digest[i] & 15]);
    }
    return out;
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < 0) return std::nullopt;
    return n;
}

std::int64_t integer(const Json& o, std::string_view name) {
    const auto* v = o.find(name);
    return v != nullptr && v->isNumber() ? static_cast<std::int64_t>(v->number()) : 0;
}

std::string text(const Json& o, std::string_view name) {
    const auto* v = o.findText(name);
    return v == nullptr ? std::string() : *v;
}

void addText(Json& o, const char* name, const std::string& value) {
    if (!value.empty()) o.add(name, value);
}

Json encode(const Session& s) {
    Json o = Json::object();
    addText(o, "csrf", s.csrf);
    if (s.userid != 0) {
        o.add("userid", s.userid);
        o.add("auth_level", s.level == Level::Password ? "password" : "assertion");
        o.add("epoch", s.epoch);
    }
    if (s.ephemeral) o.add("ephemeral", true);
    if (!s.origins.empty()) {
        Json list = Json::array();
        for (const auto& origin : s.origins) list.push(origin);
        o.add("origins", std::move(list));
    }
    return o;
}

Session decode(const Json& json) {
    Session s;
    s.csrf = text(json, "csrf");
    s.userid = integer(json, "userid");
    if (s.userid != 0)
        s.level = text(json, "auth_level") == "password" ? Level::Password : Level::Assertion;
    s.epoch = integer(json, "epoch");
    s.ephemeral = json.find("ephemeral") != nullptr;
    if (const auto* list = json.find("origins"); list != nullptr)
        for (const auto& origin : list->items()) s.origins.push_back(origin.text());
    return s;
}

}  // namespace

std::optional<std::string_view> cookieValue(std::string_view field, std::string_view name) {
    while (!field.empty()) {
        const auto end = field.find(';');
        auto pair = field.substr(0, end);
        field.remove_prefix(end == std::string_view::npos ? field.size() : end + 1);
        while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t'))
            pair.remove_prefix(1);
        while (!pair.empty() && (pair.back() == ' ' || pair.back() == '\t')) pair.remove_suffix(1);
        if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
            return pair.substr(name.size() + 1);
    }
    return std::nullopt;
}

std::string httpDate(std::int64_t ms) {
    const std::time_t seconds = static_cast<std::time_t>(ms / 1'000);
    std::tm t{};
    ::gmtime_r(&seconds, &t);
    constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::array<char, 40> out{};
    const int n = std::snprintf(out.data(), out.size(), "%s, %02d %s %d %02d:%02d:%02d GMT",
                                kDays[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                                kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900,
                                t.tm_hour, t.tm_min, t.tm_sec);
    return {out.data(), static_cast<std::size_t>(n)};
}

SessionCookies::SessionCookies(SessionOptions options)
    : options_(std::move(options)),
      keys_(deriveKeys(options_.secrets, "persona session cookie 1")),
      name_("browserid_state"),
      pending_name_("browserid_pending"),
      secure_(options_.public_url.starts_with("https://")) {
    if (options_.public_url.starts_with("https://login.persona.org")) return;
    const auto own = "_" + md5Prefix(options_.public_url);
    name_ += own;
    pending_name_ += own;
}

Session SessionCookies::fresh(std::int64_t now_ms) const {
    Session s;
    s.created_ms = now_ms;
    s.duration_ms = options_.authentication_duration_ms;
    return s;
}

SessionCookies::Opened SessionCookies::open(std::string_view field, std::int64_t now_ms) const {
    Opened out{fresh(now_ms), false};
    Times times;
    if (const auto value = cookieValue(field, name_)) {
        const auto json = unseal(name_, *value, now_ms, times);
        out.replace = !json.has_value();
        if (json) {
            out.session = decode(*json);
            out.session.created_ms = times.created_ms;
            out.session.duration_ms = times.duration_ms;
        }
    }
    if (const auto value = cookieValue(field, pending_name_))
        if (const auto json = unseal(pending_name_, *value, now_ms, times))
            out.session.pending = {text(*json, "creation"), text(*json, "addition"),
                                   text(*json, "reset"), text(*json, "reverification")};
    return out;
}

std::optional<Json> SessionCookies::unseal(const std::string& name, std::string_view value,
                                           std::int64_t now_ms, Times& times) const {
    if (value.size() > kMaxCookie) return std::nullopt;
    std::array<std::string_view, 5> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto dot = value.find('.');
        if ((dot == std::string_view::npos) != (i + 1 == parts.size())) return std::nullopt;
        parts[i] = value.substr(0, dot);
        if (dot != std::string_view::npos) value.remove_prefix(dot + 1);
    }
    const auto created = number(parts[2]), duration = number(parts[3]);
    if (!created || !duration || *duration > kTenYears || *created > now_ms + kTenYears ||
        *created + *duration < now_ms)
        return std::nullopt;
    const auto nonce = protocol::decodeBase64Url(parts[0]);
    const auto sealed = protocol::decodeBase64Url(parts[1]);
    const auto tag = protocol::decodeBase64Url(parts[4]);
    if (!nonce || !sealed || !tag) return std::nullopt;
    const auto bound = name + "." + std::string(parts[2]) + "." + std::string(parts[3]);
    std::optional<std::string> content;
    for (std::size_t i = 0; i < keys_.size() && !content; ++i)
        content = wsapi::open(keys_[i], {*nonce, *sealed, *tag}, bound);
    if (!content) return std::nullopt;
    auto json = Json::parse(*content);
    if (!json || !json->isObject()) return std::nullopt;
    times = {*created, *duration};
    return json;
}

std::string SessionCookies::sealedCookie(const std::string& name, const Json& content,
                                         Times times) const {
    const auto created = std::to_string(times.created_ms);
    const auto duration = std::to_string(times.duration_ms);
    const auto sealed = seal(keys_.front(), content.dump(), name + "." + created + "." + duration);
    return name + "=" + protocol::encodeBase64Url(sealed.nonce) + "." +
           protocol::encodeBase64Url(sealed.text) + "." + created + "." + duration + "." +
           protocol::encodeBase64Url(sealed.tag) + attributes(times.created_ms + times.duration_ms);
}

std::string SessionCookies::attributes(std::int64_t expires_ms) const {
    return "; path=/wsapi; expires=" + httpDate(expires_ms) + (secure_ ? "; secure" : "") +
           "; httponly; samesite=lax";
}

std::string SessionCookies::write(const Session& s) const {
    return sealedCookie(name_, encode(s), {s.created_ms, s.duration_ms});
}

std::string SessionCookies::writePending(const Pending& pending, std::int64_t now_ms) const {
    if (pending.empty()) return pending_name_ + "=" + attributes(0);
    Json o = Json::object();
    addText(o, "creation", pending.creation);
    addText(o, "addition", pending.addition);
    addText(o, "reset", pending.reset);
    addText(o, "reverification", pending.reverification);
    return sealedCookie(pending_name_, o, {now_ms, options_.authentication_duration_ms});
}

void SessionCookies::signIn(Session& s, const SignIn& how, std::string_view user_agent,
                            std::int64_t now_ms) const {
    // Never lowered: who has shown the password stays at that level, unless it has ended since.
    if (s.userid == how.userid && s.level == Level::Password && how.level == Level::Assertion &&
        s.epoch == how.epoch)
        return;
    if (how.renew) renew(s, how.ephemeral, user_agent, now_ms);
    s.userid = how.userid;
    s.level = how.level;
    s.epoch = how.epoch;
    s.csrf = protocol::encodeBase64Url(randomOctets(18));
}

void SessionCookies::renew(Session& s, bool ephemeral, std::string_view user_agent,
                           std::int64_t now_ms) const {
    const bool phone = isFirefoxOs(user_agent);
    s.ephemeral = ephemeral && !phone;
    s.created_ms = now_ms;
    s.duration_ms = phone         ? kTenYears
                    : s.ephemeral ? options_.ephemeral_session_duration_ms
                                  : options_.authentication_duration_ms;
}

void SessionCookies::signOut(Session& s, std::int64_t now_ms) const {
    auto kept = fresh(now_ms);
    kept.csrf = s.csrf;
    kept.origins = std::move(s.origins);
    s = std::move(kept);
}

bool SessionCookies::isFirefoxOs(std::string_view agent) {
    const auto mobile = agent.find("Mobile");
    return mobile != std::string_view::npos &&
           agent.find("Firefox", mobile + 6) != std::string_view::npos;
}

}  // namespace persona::wsapi
