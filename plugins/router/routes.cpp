#include "plugins/router/routes.h"

#include <array>

namespace persona::router {

namespace {
constexpr std::array kCalls{Call{"session_context", "GET", false, false},
                            Call{"ping", "GET", false, false},
                            Call{"have_email", "GET", false, false},
                            Call{"address_info", "GET", false, false},
                            Call{"discovery", "GET", false, false},
                            Call{"list_emails", "GET", false, false},
                            Call{"logout", "POST", false, false},
                            Call{"prolong_session", "POST", false, false},
                            Call{"interaction_data", "POST", false, false},
                            Call{"authenticate_user", "POST", false, false},
                            Call{"auth_with_assertion", "POST", false, false},
                            Call{"cert_key", "POST", false, false},
                            Call{"email_for_token", "GET", false, false},
                            Call{"user_creation_status", "GET", false, false},
                            Call{"email_addition_status", "GET", false, false},
                            Call{"email_reverify_status", "GET", false, false},
                            Call{"password_reset_status", "GET", false, false},
                            Call{"transition_status", "GET", false, false},
                            Call{"used_address_as_primary", "POST", true, false},
                            Call{"add_email_with_assertion", "POST", true, false},
                            Call{"stage_user", "POST", true, false},
                            Call{"complete_user_creation", "POST", true, false},
                            Call{"stage_email", "POST", true, false},
                            Call{"stage_reverify", "POST", true, false},
                            Call{"complete_email_confirmation", "POST", true, false},
                            Call{"stage_reset", "POST", true, false},
                            Call{"complete_reset", "POST", true, false},
                            Call{"stage_transition", "POST", true, false},
                            Call{"complete_transition", "POST", true, false},
                            Call{"update_password", "POST", true, false},
                            Call{"remove_email", "POST", true, false},
                            Call{"account_cancel", "POST", true, false},
                            Call{"stage_unblock", "POST", true, false},
                            Call{"complete_unblock", "POST", true, false},
                            Call{"report_not_me", "POST", true, false},
                            Call{"create_account_with_assertion", "POST", true, true},
                            Call{"user_used_email_as", "POST", true, true},
                            Call{"increment_failed_auth_tries", "POST", true, true},
                            Call{"reset_failed_auth_tries", "POST", true, true},
                            Call{"saw_idp", "POST", true, true},
                            Call{"forget_idp", "POST", true, true}};
}  // namespace

std::span<const Call> calls() {
    return kCalls;
}

Choice choose(std::string_view method, std::string_view path) {
    if (!path.starts_with("/wsapi")) return {};
    auto rest = path.substr(6);
    if (rest.empty() || rest == "/") return {};
    if (rest.front() != '/' && rest.front() != '.') return {};
    if (rest.front() == '/') rest.remove_prefix(1);
    for (std::size_t i = 0; i < kCalls.size(); ++i) {
        if (kCalls[i].name != rest) continue;
        if (kCalls[i].method != method) return {Choice::Unknown, kNoCall};
        return {kCalls[i].internal ? Choice::Internal
                : kCalls[i].writes ? Choice::Write
                                   : Choice::Read,
                i};
    }
    return {Choice::Unknown, kNoCall};
}

}  // namespace persona::router
