#include "libs/wsapi/session.h"
#include "plugins/dbwriter/operator_commands.h"

namespace persona::dbwriter {

namespace {

using accounts::AccountRecord;
using accounts::AddressType;
using accounts::StagedKind;
using protocol::Json;
using sdk::CommandCall;
using sdk::Refusal;

const char* nameOf(StagedKind kind) {
    switch (kind) {
        case StagedKind::NewAccount:
            return "new account";
        case StagedKind::Unverified:
            return "confirmation";
        case StagedKind::AddEmail:
            return "addition";
        case StagedKind::Reverify:
            return "re-verification";
        case StagedKind::Reset:
            return "password reset";
        case StagedKind::Transition:
            return "transition";
    }
    return "?";
}

const char* nameOf(AddressType type) {
    return type == AddressType::Primary ? "primary" : "secondary";
}

accounts::Address addressOf(const CommandCall& call) {
    const auto address = accounts::Address::parseInternational(call.argument(0));
    if (!address) throw Refusal("'" + call.argument(0) + "' is no e-mail address", PSN_INVALID);
    return *address;
}

AccountRecord recordOf(const Writes& w, const CommandCall& call) {
    const auto info = orRefuse(w.reader.emailInfo(addressOf(call)));
    if (!info) throw Refusal("no account has that address");
    return orRefuse(w.reader.account(info->user));
}

/// All that is kept of the account but hashes and tokens.
Json exported(const AccountRecord& r) {
    Json o = Json::object();
    o.add("account", r.user.id)
        .add("created_ms", r.user.created_ms)
        .add("has_password", r.user.password_hash.has_value())
        .add("password_set_ms", r.user.password_set_ms)
        .add("wrong_passwords", std::int64_t{r.user.failed_tries});
    Json addresses = Json::array(), pending = Json::array();
    for (const auto& a : r.addresses)
        addresses.push(Json::object()
                           .add("address", a.info.address)
                           .add("used_as", nameOf(a.info.type))
                           .add("verified", a.info.verified)
                           .add("added_ms", a.added_ms));
    for (const auto& p : r.pending)
        pending.push(Json::object()
                         .add("kind", nameOf(p.kind))
                         .add("address", p.address)
                         .add("site", p.site)
                         .add("created_ms", p.created_ms)
                         .add("expires_ms", p.expires_ms));
    o.add("addresses", std::move(addresses)).add("pending", std::move(pending));
    return o;
}

std::string shown(const AccountRecord& r) {
    const auto& u = r.user;
    std::string out = "account    " + std::to_string(u.id) + "\ncreated    " +
                      wsapi::httpDate(u.created_ms) + "\npassword   " +
                      (u.password_hash ? "set " + wsapi::httpDate(u.password_set_ms) : "none") +
                      "\nwrong      " + std::to_string(u.failed_tries) + " in a row\n";
    for (const auto& a : r.addresses)
        out += "address    " + a.info.address + "  " + nameOf(a.info.type) +
               (a.info.verified ? "" : ", unverified") + ", since " + wsapi::httpDate(a.added_ms) +
               "\n";
    for (const auto& p : r.pending)
        out += "pending    " + std::string(nameOf(p.kind)) + " of " + p.address + ", until " +
               wsapi::httpDate(p.expires_ms) + "\n";
    return out;
}

/// Does something to the account of the address, and says so to the operator and to the log.
sdk::Command change(const OperatorPort& port, const char* name, const char* help, const char* done,
                    std::function<void(const Writes&, accounts::UserId)> act) {
    return {
        std::string("accounts ") + name,
        "ADDRESS",
        help,
        1,
        1,
        true,
        [port, done, act = std::move(act)](const CommandCall& call) {
            const auto& w = port.writes();
            const auto record = recordOf(w, call);
            const auto account = "account " + std::to_string(record.user.id);
            act(w, record.user.id);
            w.events.security(wsapi::Events::Level::Warn, "OPERATOR",
                              account + " " + done + " by the operator, " + call.from());
            call.say(call.json()
                         ? Json::object().add("account", record.user.id).add("done", done).dump() +
                               "\n"
                         : account + " with " + std::to_string(record.addresses.size()) +
                               " address(es): " + done + "\n");
        }};
}

}  // namespace

void refuse(const accounts::Failure& failure) {
    if (failure.reason == accounts::Reason::Unavailable)
        throw Refusal(failure.text, PSN_UNREACHABLE);
    if (failure.reason == accounts::Reason::NotFound) throw Refusal("the account is gone");
    throw Refusal(std::string("refused: ") + accounts::name(failure.reason));
}

std::vector<sdk::Command> accountCommands(const OperatorPort& port) {
    return {
        {"accounts find", "ADDRESS", "the account that has the address", 1, 1, false,
         [port](const CommandCall& call) {
             const auto record = recordOf(port.writes(), call);
             call.say(call.json() ? exported(record).dump() + "\n" : shown(record));
         }},
        {"accounts export", "ADDRESS", "all that is kept of the account, as JSON, for its owner", 1,
         1, false,
         [port](const CommandCall& call) {
             call.say(exported(recordOf(port.writes(), call)).dump() + "\n");
         }},
        change(port, "erase", "deletes the account and all that is kept of it", "erased",
               [](const Writes& w, accounts::UserId user) {
                   (void)orRefuse(w.writer.cancelAccount(user));
               }),
        change(port, "revoke-sessions", "signs the account out everywhere", "signed out everywhere",
               [](const Writes& w, accounts::UserId user) {
                   (void)orRefuse(w.writer.revokeSessions(user));
               }),
        change(
            port, "unlock", "forgets the wrong passwords that were tried", "unlocked",
            [](const Writes& w, accounts::UserId user) { (void)orRefuse(w.writer.unlock(user)); })};
}

}  // namespace persona::dbwriter
