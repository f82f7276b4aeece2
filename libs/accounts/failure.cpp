#include "libs/accounts/failure.h"

namespace persona::accounts {

const char* name(Reason reason) {
    switch (reason) {
        case Reason::Unavailable:
            return "Unavailable";
        case Reason::NotFound:
            return "NotFound";
        case Reason::NoSuchToken:
            return "NoSuchToken";
        case Reason::AlreadyUsed:
            return "AlreadyUsed";
        case Reason::WrongKind:
            return "WrongKind";
        case Reason::NotOwner:
            return "NotOwner";
        case Reason::AlreadyVerified:
            return "AlreadyVerified";
        case Reason::PasswordRequired:
            return "PasswordRequired";
        case Reason::PasswordNotAllowed:
            return "PasswordNotAllowed";
        case Reason::WrongPassword:
            return "WrongPassword";
        case Reason::Throttled:
            return "Throttled";
        case Reason::Locked:
            return "Locked";
        case Reason::Stale:
            return "Stale";
    }
    return "?";
}

}  // namespace persona::accounts
