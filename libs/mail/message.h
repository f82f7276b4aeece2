#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace persona::mail {

/// The mails of wsapi.md section 6 and of its decisions. The notices carry no token of their own.
enum class Kind {
    NewAccount,       ///< "new": stage_user
    Confirm,          ///< "confirm": stage_email, stage_reverify, stage_user with allowUnverified
    Reset,            ///< "reset": stage_reset
    Transition,       ///< "transition": stage_transition
    Unblock,          ///< "unblock": stage_unblock
    PasswordChanged,  ///< notice: the password of the account was changed or reset
    AddressMoved,     ///< notice to the former owner: the address now belongs to another account
    AccountClosed,    ///< notice: the account was cancelled
    Test,             ///< to whoever runs the service, who asked for it
};
constexpr int kKinds = 9;

/// "new", "confirm", ...: for logs, metrics and the catalogues.
[[nodiscard]] std::string_view nameOf(Kind kind);
/// Path of the page that the link opens, such as "/confirm"; empty for the notices. The page is
/// opened with GET and consumes nothing.
[[nodiscard]] std::string_view landingPath(Kind kind);
/// Page of the "this was not me" link; it asks, then calls POST /wsapi/report_not_me.
constexpr std::string_view kNotMePath = "/not_me";

/// What one mail says. Every text is data from outside: `Sender::send` checks it and refuses what
/// does not fit, and the templates escape it.
struct Message {
    Kind kind = Kind::NewAccount;
    std::string to;                ///< one address by EMAIL-1 to EMAIL-4 of protocol.md
    std::string site;              ///< origin or host name of the site; only its host is shown
    std::string token;             ///< of the link; [A-Za-z0-9_-]{16,128}; empty for notices
    std::string not_me_token;      ///< of the "this was not me" link; empty: no such link
    std::string locale;            ///< one of `locales()`, see chooseLocale(); else English
    std::string background_color;  ///< "#abc", "abc", "#aabbcc" or "aabbcc"; empty: default
    std::string site_logo;         ///< https URL; shown only where the operator allows it (W32)
    /// How long delivery is worth trying, in ms: the lifetime of the token.
    std::int64_t valid_for_ms = std::int64_t{48} * 3600 * 1000;
};

}  // namespace persona::mail
