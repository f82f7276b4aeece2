#include "libs/wsapi/endpoints.h"

#include <algorithm>
#include <array>

namespace persona::wsapi {

namespace {

using enum Type;
constexpr bool kOptional = true;

constexpr std::array kEmail{Argument{"email", Email}};
constexpr std::array kToken{Argument{"token", Token}};
constexpr std::array kTokenPass{Argument{"token", Token}, Argument{"pass", Password, kOptional}};
constexpr std::array kAssertion{Argument{"assertion", Assertion}};
constexpr std::array kDomain{Argument{"domain", HostName}};
constexpr std::array kPassword{Argument{"pass", Password, kOptional}};
constexpr std::array kContext{Argument{"origin", Origin, kOptional}};
constexpr std::array kData{Argument{"data", Any, kOptional}};
constexpr std::array kAddressInfo{Argument{"email", Email},
                                  Argument{"issuer", HostName, kOptional}};
constexpr std::array kAuthenticate{Argument{"email", Email}, Argument{"pass", Password},
                                   Argument{"ephemeral", Boolean},
                                   Argument{"allowUnverified", Boolean, kOptional}};
constexpr std::array kAuthAssertion{Argument{"assertion", Assertion},
                                    Argument{"ephemeral", Boolean}};
constexpr std::array kCertKey{
    Argument{"email", Email}, Argument{"pubkey", PublicKey}, Argument{"ephemeral", Boolean},
    Argument{"forceIssuer", HostName, kOptional}, Argument{"allowUnverified", Boolean, kOptional}};
constexpr std::array kStageUser{Argument{"email", Email},
                                Argument{"pass", Password},
                                Argument{"allowUnverified", Boolean, kOptional},
                                Argument{"site", Origin},
                                Argument{"backgroundColor", Color, kOptional},
                                Argument{"siteLogo", Image, kOptional}};
constexpr std::array kStageEmail{
    Argument{"email", Email}, Argument{"site", Origin}, Argument{"pass", Password, kOptional},
    Argument{"backgroundColor", Color, kOptional}, Argument{"siteLogo", Image, kOptional}};
constexpr std::array kStageSite{Argument{"email", Email}, Argument{"site", Origin},
                                Argument{"backgroundColor", Color, kOptional},
                                Argument{"siteLogo", Image, kOptional}};
constexpr std::array kStageTransition{
    Argument{"email", Email}, Argument{"site", Origin}, Argument{"pass", Password},
    Argument{"backgroundColor", Color, kOptional}, Argument{"siteLogo", Image, kOptional}};
constexpr std::array kUpdatePassword{Argument{"oldpass", Password}, Argument{"newpass", Password}};
constexpr std::array kUsedAs{Argument{"userid", UserId}, Argument{"email", Email},
                             Argument{"used_as", EmailType}};
constexpr std::array kReserve{Argument{"userid", UserId}, Argument{"device", Text, kOptional}};
constexpr std::array kSucceeded{Argument{"userid", UserId}, Argument{"hash", Text},
                                Argument{"device", Text, kOptional},
                                Argument{"rehash", Text, kOptional}};
constexpr std::span<const Argument> kNone{};

constexpr auto R = Server::Reads;
constexpr auto W = Server::Writes;
constexpr auto open = Auth::None;
constexpr auto signed_in = Auth::Assertion;
constexpr auto by_password = Auth::Password;
constexpr auto service = Auth::Service;

constexpr std::array kEndpoints{
    Endpoint{"session_context", "GET", R, open, kContext, false, false,
             "who is signed in, the CSRF token, server time"},
    Endpoint{"ping", "GET", Server::Both, open, kNone, false, false, "the database answers"},
    Endpoint{"have_email", "GET", R, open, kEmail, true, false, "the address belongs to somebody"},
    Endpoint{"address_info", "GET", R, open, kAddressInfo, true, false,
             "who vouches for the address, and what the dialog does next"},
    Endpoint{"discovery", "GET", R, open, kDomain, true, false,
             "key and pages of the provider of a domain"},
    Endpoint{"list_emails", "GET", R, signed_in, kNone, false, false, "addresses of the account"},
    Endpoint{"logout", "POST", R, signed_in, kNone, false, false, "ends the session"},
    Endpoint{"prolong_session", "POST", R, signed_in, kPassword, false, false,
             "makes the session a long one; a short one asks for the password"},
    Endpoint{"interaction_data", "POST", R, open, kData, false, false,
             "measurements of the dialog"},
    Endpoint{"authenticate_user", "POST", R, open, kAuthenticate, true, false,
             "signs in by password"},
    Endpoint{"auth_with_assertion", "POST", R, open, kAuthAssertion, true, false,
             "signs in by the word of a primary provider"},
    Endpoint{"cert_key", "POST", R, by_password, kCertKey, true, false,
             "a certificate for a key, from keysigner"},
    Endpoint{"email_for_token", "GET", R, open, kToken, true, false,
             "the address that a mailed token is about; consumes nothing"},
    Endpoint{"user_creation_status", "GET", R, open, kEmail, true, false,
             "poll: sign-up confirmed?"},
    Endpoint{"email_addition_status", "GET", R, signed_in, kEmail, true, false,
             "poll: address added?"},
    Endpoint{"email_reverify_status", "GET", R, signed_in, kEmail, true, false,
             "poll: address verified again?"},
    Endpoint{"password_reset_status", "GET", R, open, kEmail, true, false,
             "poll: password reset done?"},
    Endpoint{"transition_status", "GET", R, open, kEmail, true, false, "poll: transition done?"},

    Endpoint{"used_address_as_primary", "POST", W, signed_in, kEmail, true, false,
             "notes that a primary provider vouched for the address"},
    Endpoint{"add_email_with_assertion", "POST", W, signed_in, kAssertion, true, false,
             "adds an address by the word of its provider"},
    Endpoint{"stage_user", "POST", W, open, kStageUser, true, true,
             "begins a sign-up and mails the link"},
    Endpoint{"complete_user_creation", "POST", W, open, kTokenPass, true, false,
             "makes the account"},
    Endpoint{"stage_email", "POST", W, signed_in, kStageEmail, true, true,
             "begins to add an address and mails the link"},
    Endpoint{"stage_reverify", "POST", W, signed_in, kStageSite, true, true,
             "mails the link to verify an address again"},
    Endpoint{"complete_email_confirmation", "POST", W, open, kTokenPass, true, false,
             "adds or verifies the address"},
    Endpoint{"stage_reset", "POST", W, open, kStageSite, true, true,
             "mails the link to set a new password"},
    Endpoint{"complete_reset", "POST", W, open, kTokenPass, true, true, "sets the new password"},
    Endpoint{"stage_transition", "POST", W, open, kStageTransition, true, true,
             "mails the link by which an address without its provider gets a password"},
    Endpoint{"complete_transition", "POST", W, open, kTokenPass, true, true,
             "sets the password of a transition"},
    Endpoint{"update_password", "POST", W, signed_in, kUpdatePassword, true, false,
             "changes the password and ends the other sessions"},
    Endpoint{"remove_email", "POST", W, signed_in, kEmail, true, false, "removes an address"},
    Endpoint{"account_cancel", "POST", W, signed_in, kNone, false, false, "deletes the account"},
    Endpoint{"stage_unblock", "POST", W, open, kEmail, true, true,
             "mails a link that lifts the limit on wrong passwords"},
    Endpoint{"complete_unblock", "POST", W, open, kToken, true, false,
             "lifts the limit and trusts this device"},
    Endpoint{"report_not_me", "POST", W, open, kToken, true, false,
             "ends the operation that a mail told about, and the sessions it could have made"},

    Endpoint{"create_account_with_assertion", "POST", W, service, kAssertion, true, false,
             "an account for an address of a primary provider"},
    Endpoint{"user_used_email_as", "POST", W, service, kUsedAs, true, false,
             "notes how the address was proven last"},
    Endpoint{"increment_failed_auth_tries", "POST", W, service, kReserve, true, false,
             "reserves an attempt at a password before it is checked"},
    Endpoint{"reset_failed_auth_tries", "POST", W, service, kSucceeded, true, false,
             "the password was right: gives the attempt back, stores a hash of today's cost"},
    Endpoint{"saw_idp", "POST", W, service, kDomain, true, false,
             "the domain has a primary provider now"},
    Endpoint{"forget_idp", "POST", W, service, kDomain, true, false,
             "the domain has none any more"},
};

}  // namespace

std::span<const Endpoint> endpoints() {
    return kEndpoints;
}

const Endpoint* findEndpoint(std::string_view name) {
    const auto at = std::find_if(kEndpoints.begin(), kEndpoints.end(),
                                 [&](const Endpoint& e) { return e.name == name; });
    return at == kEndpoints.end() ? nullptr : &*at;
}

bool servedBy(const Endpoint& endpoint, bool writes) {
    return endpoint.server == Server::Both || (endpoint.server == Server::Writes) == writes;
}

std::string_view nameOf(Type type) {
    constexpr std::array<std::string_view, 14> kNames{
        "email",     "primary or secondary", "password",  "boolean", "token",
        "assertion", "public key",           "host name", "origin",  "color",
        "https URL", "account id",           "text",      "anything"};
    return kNames[static_cast<std::size_t>(type)];
}

}  // namespace persona::wsapi
