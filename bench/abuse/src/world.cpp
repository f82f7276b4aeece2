#include "bench/abuse/src/world.h"

#include <array>
#include <charconv>

namespace persona::abuse {

namespace {

using enum Route;
// Microseconds of one core, from the measurements of the service (bench/api, bench/login).
constexpr std::array<RouteInfo, static_cast<std::size_t>(Count)> kRoutes{{
    {Root, "root", false, "/", 80, 0},
    {IncludeJs, "include_js", false, "/include.js", 60, 0},
    {SignInView, "sign_in", false, "/sign_in", 100, 0},
    {Static, "static", false, "/production/dialog.js", 60, 0},
    {SessionContext, "session_context", false, "/wsapi/session_context", 100, 0},
    {AddressInfo, "address_info", false, "/wsapi/address_info", 200, 0},
    {HaveEmail, "have_email", false, "/wsapi/have_email", 150, 0},
    {Authenticate, "authenticate_user", true, "/wsapi/authenticate_user", 200, 1},
    {ListEmails, "list_emails", false, "/wsapi/list_emails", 150, 0},
    {CertKey, "cert_key", true, "/wsapi/cert_key", 1100, 0},
    {InteractionData, "interaction_data", true, "/wsapi/interaction_data", 100, 0},
    {StageUser, "stage_user", true, "/wsapi/stage_user", 300, 1},
    {UserCreationStatus, "user_creation_status", false, "/wsapi/user_creation_status", 150, 0},
    {CompleteUserCreation, "complete_user_creation", true, "/wsapi/complete_user_creation", 300, 0},
    {StageReset, "stage_reset", true, "/wsapi/stage_reset", 300, 0},
    {ResetStatus, "password_reset_status", false, "/wsapi/password_reset_status", 150, 0},
    {CompleteReset, "complete_reset", true, "/wsapi/complete_reset", 300, 1},
    {StageEmail, "stage_email", true, "/wsapi/stage_email", 300, 0},
    {AdditionStatus, "email_addition_status", false, "/wsapi/email_addition_status", 150, 0},
    {CompleteConfirmation, "complete_email_confirmation", true,
     "/wsapi/complete_email_confirmation", 300, 0},
    {UpdatePassword, "update_password", true, "/wsapi/update_password", 300, 2},
    {Verify, "verify", true, "/verify", 120, 0},
    {UnknownCall, "unknown_call", false, "/wsapi/no_such_call", 30, 0},
    {UnknownPath, "unknown_path", false, "/no/such/page", 50, 0},
    {Logout, "logout", true, "/wsapi/logout", 120, 0},
    {EmailForToken, "email_for_token", false, "/wsapi/email_for_token", 150, 0},
    {StageUnblock, "stage_unblock", true, "/wsapi/stage_unblock", 300, 0},
    {CompleteUnblock, "complete_unblock", true, "/wsapi/complete_unblock", 300, 0},
    {Discovery, "discovery", false, "/wsapi/discovery", 200, 0},
}};

constexpr std::array<const char*, 17> kOutcomes{
    "",           "auth_ok",       "auth_fail",     "auth_unknown",
    "locked",     "mail_sent",     "mail_skipped",  "verify_ok",
    "verify_bad", "verify_badkey", "wk_hit",        "wk_miss",
    "token_bad",  "token_ok",      "address_known", "address_unknown",
    "busy"};

}  // namespace

const RouteInfo& info(Route route) {
    return kRoutes[static_cast<std::size_t>(route)];
}

const RouteInfo* findRoute(std::string_view method, std::string_view path) {
    for (const auto& r : kRoutes)
        if (path == r.path && method == (r.post ? "POST" : "GET")) return &r;
    return nullptr;
}

std::string hex(std::uint64_t value) {
    std::string out(16, '0');
    for (int i = 15; i >= 0; --i, value >>= 4)
        out[static_cast<std::size_t>(i)] = "0123456789abcdef"[value & 15];
    return out;
}

std::string emailOf(std::uint32_t account) {
    // A few large domains and many small ones, roughly Zipf.
    const auto h = mix(account ^ 0xD0);
    const auto domain = h % (1 + (h >> 32) % 400);
    return (account < kStrangers ? "u" : "x") + std::to_string(account % kStrangers) + "@d" +
           std::to_string(domain) + ".example";
}

std::uint32_t accountOf(std::string_view email) {
    std::uint32_t n = 0;
    if (email.size() < 2 || email.front() != 'u') return kStrangers;
    const auto [end, error] = std::from_chars(email.data() + 1, email.data() + email.size(), n);
    return error == std::errc{} && *end == '@' && n < kStrangers ? n : kStrangers;
}

std::string passwordOf(std::uint32_t account) {
    return "p" + hex(mix(account ^ 0x9A55)).substr(4);
}

std::string tokenOf(std::string_view email) {
    std::uint64_t h = 0x70CE;
    for (const char c : email) h = mix(h ^ static_cast<unsigned char>(c));
    return hex(h) + hex(mix(h)) + hex(mix(mix(h)));
}

const char* name(Outcome outcome) {
    return kOutcomes[static_cast<std::size_t>(outcome)];
}

Outcome outcomeOf(std::string_view text) {
    for (std::size_t i = 0; i < kOutcomes.size(); ++i)
        if (text == kOutcomes[i]) return static_cast<Outcome>(i);
    return Outcome::None;
}

std::string jsonValue(std::string_view json, std::string_view key) {
    const auto mark = "\"" + std::string(key) + "\":";
    const auto at = json.find(mark);
    if (at == std::string_view::npos) return {};
    json.remove_prefix(at + mark.size());
    while (!json.empty() && json.front() == ' ') json.remove_prefix(1);
    if (json.empty()) return {};
    if (json.front() != '"') return std::string(json.substr(0, json.find_first_of(",} ")));
    std::string out;
    for (std::size_t i = 1; i < json.size() && json[i] != '"'; ++i) {
        if (json[i] == '\\' && i + 1 < json.size()) ++i;
        out += json[i];
    }
    return out;
}

std::string_view cookieOf(std::string_view field, std::string_view name) {
    while (!field.empty()) {
        const auto one = field.substr(0, field.find(';'));
        field.remove_prefix(std::min(field.size(), one.size() + 1));
        while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
        if (one.size() > name.size() && one.substr(0, name.size()) == name &&
            one[name.size()] == '=')
            return one.substr(name.size() + 1);
    }
    return {};
}

}  // namespace persona::abuse
