#include "libs/mail/message.h"

namespace persona::mail {

std::string_view nameOf(Kind kind) {
    switch (kind) {
        case Kind::NewAccount:
            return "new";
        case Kind::Confirm:
            return "confirm";
        case Kind::Reset:
            return "reset";
        case Kind::Transition:
            return "transition";
        case Kind::Unblock:
            return "unblock";
        case Kind::PasswordChanged:
            return "password_changed";
        case Kind::AddressMoved:
            return "address_moved";
        case Kind::AccountClosed:
            return "account_closed";
        case Kind::Test:
            return "test";
    }
    return {};
}

std::string_view landingPath(Kind kind) {
    switch (kind) {
        case Kind::NewAccount:
            return "/verify_email_address";
        case Kind::Confirm:
            return "/confirm";
        case Kind::Reset:
            return "/reset_password";
        case Kind::Transition:
            return "/complete_transition";
        case Kind::Unblock:
            return "/unblock";
        case Kind::PasswordChanged:
        case Kind::AddressMoved:
        case Kind::AccountClosed:
        case Kind::Test:
            break;
    }
    return {};
}

}  // namespace persona::mail
