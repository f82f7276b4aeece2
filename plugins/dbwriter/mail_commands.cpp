#include "libs/protocol/names.h"
#include "plugins/dbwriter/operator_commands.h"

namespace persona::dbwriter {

namespace {

/// What to look at, by the step at which it came to nothing.
std::string remedyFor(const std::string& error) {
    const auto has = [&](const char* part) { return error.find(part) != std::string::npos; };
    if (has("cannot connect")) return "smtp.host and smtp.port; does the server run?";
    if (has("AUTH") || has("plain text")) return "smtp.user, smtp.password and smtp.tls";
    if (has("STARTTLS") || has("TLS")) return "smtp.tls, and smtp.ca_file for an own authority";
    if (has("EHLO")) return "smtp.helo";
    if (has("MAIL")) return "send_from_address: the server does not take mail from it";
    if (has("RCPT")) return "the address; the server does not take mail for it from this machine";
    return "the log of the mail server";
}

void sendTestMail(const OperatorPort& port, const sdk::CommandCall& call) {
    mail::Message message;
    message.kind = mail::Kind::Test;
    message.to = call.argument(0);
    if (!protocol::emailDomain(message.to))
        throw sdk::Refusal("expected an address such as ann@example.org", PSN_INVALID);
    const auto& writes = port.writes();
    message.locale = writes.default_language;
    const auto sent = writes.sender.sendNow(message);
    if (!sent)
        throw sdk::Refusal(
            sent.error() + "\nlook at: " + remedyFor(sent.error()) +
                " (dbwriter's configuration; mail.md of the operators' guide)",
            sent.error().find("cannot connect") != std::string::npos ? PSN_UNREACHABLE : PSN_FAIL);
    call.say(call.json() ? protocol::Json::object()
                                   .add("where", sent->where)
                                   .add("message_id", sent->message_id)
                                   .dump() +
                               "\n"
                         : sent->where + " has taken it, as " + sent->message_id +
                               "; look into the mailbox, and where it is not, into the server's "
                               "log\n");
}

}  // namespace

std::vector<sdk::Command> mailCommands(const OperatorPort& port) {
    return {{"send-test-mail", "ADDRESS",
             "sends a mail as the configuration says, at once, and waits for the server's answer",
             1, 1, false, [port](const sdk::CommandCall& call) { sendTestMail(port, call); }}};
}

}  // namespace persona::dbwriter
