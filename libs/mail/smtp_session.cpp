#include "libs/mail/smtp_session.h"

#include <Poco/Exception.h>
#include <Poco/Net/DNS.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SocketAddress.h>
#include <openssl/crypto.h>

#include <system_error>
#include <vector>

#include "libs/mail/encode.h"
#include "libs/protocol/names.h"

namespace persona::mail {

namespace {

/// RFC 5321 4.5.3.2.6 gives the reply after the message ten minutes, ten times what the others get:
/// giving up early there means a second delivery.
constexpr int kFinalReplyFactor = 10;

/// A text that is wiped when it goes.
struct Secret {
    std::string text;
    explicit Secret(std::string value) : text(std::move(value)) {}
    ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
};

/// Connects within `limit`, or until `stop`. Throws as Poco does.
Poco::Net::StreamSocket connectTo(const Poco::Net::SocketAddress& address,
                                  std::chrono::milliseconds limit, const StopSignal& stop) {
    constexpr long kSliceUs = 200'000;  // how long a stop may be overlooked
    const auto deadline = StopSignal::Clock::now() + limit;
    Poco::Net::StreamSocket socket;
    socket.connectNB(address);
    while (!socket.poll(Poco::Timespan(kSliceUs), Poco::Net::Socket::SELECT_WRITE))
        if (stop.reached() || StopSignal::Clock::now() >= deadline)
            throw Poco::TimeoutException("no connection in time");
    if (const int error = socket.impl()->socketError(); error != 0)
        throw Poco::Net::NetException(std::generic_category().message(error));
    socket.setBlocking(true);
    socket.setNoDelay(true);
    return socket;
}

/// Poco asks for the name of a literal address, into a buffer that all threads share.
std::vector<Poco::Net::IPAddress> addressesOf(const std::string& host) {
    if (Poco::Net::IPAddress ip; Poco::Net::IPAddress::tryParse(host, ip)) return {ip};
    return Poco::Net::DNS::hostByName(host).addresses();
}

Outcome outcomeOf(const Result<Reply>& reply, const char* command) {
    if (!reply) return {Outcome::Fate::Broken, reply.error() + ", at " + command, false};
    const auto why = reply->status() + " at " + command;
    // 421: the server closes the connection, whatever the command was.
    if (reply->code == 421) return {Outcome::Fate::Broken, why, false};
    if (reply->code >= 500) return {Outcome::Fate::Refused, why, true};
    return {Outcome::Fate::Later, why, true};
}

}  // namespace

std::string stuffDots(std::string_view octets) {
    std::string out;
    out.reserve(octets.size() + 8);
    bool line_start = true;
    for (const char c : octets) {
        if (line_start && c == '.') out += '.';
        out += c;
        line_start = c == '\n';
    }
    if (!line_start) out += "\r\n";
    return out += ".\r\n";
}

Result<std::unique_ptr<SmtpSession>> SmtpSession::open(const SmtpOptions& options,
                                                       const Poco::Net::Context::Ptr& context,
                                                       const StopSignal& stop) {
    const std::string where = options.host + ":" + std::to_string(options.port);
    std::string last = "no address";
    try {
        for (const auto& ip : addressesOf(options.host)) {
            try {
                const Poco::Net::SocketAddress address(ip, options.port);
                std::unique_ptr<SmtpSession> session(new SmtpSession(
                    SmtpDialog(connectTo(address, options.connect_timeout, stop), stop), options));
                auto error = session->greet(context, ip.isLoopback());
                if (error.empty()) return session;
                session->dialog_.close();
                return Error{where + ": " + error};
            } catch (const Poco::Exception& e) {
                last = e.displayText();  // the next address may do
            }
        }
    } catch (const Poco::Exception& e) {
        last = e.displayText();
    }
    return Error{"cannot connect to " + where + ": " + last};
}

std::string SmtpSession::greet(const Poco::Net::Context::Ptr& context, bool loopback) {
    const auto limit = options_.reply_timeout;
    const bool implicit = options_.tls == SmtpOptions::Tls::Implicit;
    if (implicit)
        if (auto error = dialog_.startTls(context, options_.host, options_.connect_timeout);
            !error.empty())
            return error;
    const auto greeting = dialog_.reply(limit);
    if (!greeting) return greeting.error() + ", at the greeting";
    if (!greeting->positive()) return greeting->status() + " at the greeting";
    if (auto error = hello(); !error.empty()) return error;
    if (options_.tls == SmtpOptions::Tls::StartTls) {
        // Never without: a server, or somebody between, that hides it is not to be believed.
        if (!offers("STARTTLS")) return "the server does not offer STARTTLS";
        const auto agreed = dialog_.command("STARTTLS", limit);
        if (!agreed) return agreed.error() + ", at STARTTLS";
        if (!agreed->positive()) return agreed->status() + " at STARTTLS";
        if (auto error = dialog_.startTls(context, options_.host, options_.connect_timeout);
            !error.empty())
            return error;
        if (auto error = hello(); !error.empty()) return error;
    }
    if (options_.user.empty()) return {};
    if (options_.tls == SmtpOptions::Tls::None && !loopback)
        return "a password is not sent in plain text: set smtp.tls";
    return signIn();
}

std::string SmtpSession::hello() {
    const auto reply = dialog_.command("EHLO " + options_.helo, options_.reply_timeout);
    if (!reply) return reply.error() + ", at EHLO";
    if (!reply->positive()) return reply->status() + " at EHLO";
    capabilities_.assign(reply->lines.begin() + 1, reply->lines.end());
    return {};
}

bool SmtpSession::offers(std::string_view keyword, std::string_view word) const {
    for (const auto& line : capabilities_) {
        const auto lower = " " + protocol::toLower(line) + " ";
        if (!lower.starts_with(" " + protocol::toLower(keyword) + " ")) continue;
        if (word.empty() || lower.find(" " + protocol::toLower(word) + " ") != std::string::npos)
            return true;
    }
    return false;
}

std::string SmtpSession::signIn() {
    const auto limit = options_.reply_timeout;
    Result<Reply> reply = Error{""};
    if (offers("AUTH", "PLAIN")) {
        Secret plain(std::string(1, '\0') + options_.user + std::string(1, '\0') +
                     options_.password);
        Secret line("AUTH PLAIN " + base64(plain.text));
        reply = dialog_.command(line.text, limit);
    } else if (offers("AUTH", "LOGIN")) {
        reply = dialog_.command("AUTH LOGIN", limit);
        if (reply && reply->code == 334) reply = dialog_.command(base64(options_.user), limit);
        if (reply && reply->code == 334) {
            Secret line(base64(options_.password));
            reply = dialog_.command(line.text, limit);
        }
    } else {
        return "the server offers neither AUTH PLAIN nor AUTH LOGIN";
    }
    if (!reply) return reply.error() + ", at AUTH";
    return reply->positive() ? ""
                             : reply->status() + " at AUTH: look at smtp.user and its password";
}

Outcome SmtpSession::send(std::string_view from, std::string_view to, std::string_view octets) {
    const auto limit = options_.reply_timeout;
    // After a refusal the transaction is dropped, so that the next one begins afresh.
    const auto dropped = [&](Outcome outcome) {
        if (outcome.reusable) {
            const auto reset = dialog_.command("RSET", limit);
            outcome.reusable = reset.ok() && reset->positive();
        }
        return outcome;
    };
    auto reply = dialog_.command("MAIL FROM:<" + std::string(from) + ">", limit);
    if (!reply || !reply->positive()) return dropped(outcomeOf(reply, "MAIL"));
    reply = dialog_.command("RCPT TO:<" + std::string(to) + ">", limit);
    if (!reply || !reply->positive()) return dropped(outcomeOf(reply, "RCPT"));
    reply = dialog_.command("DATA", limit);
    if (!reply || reply->code != 354) return dropped(outcomeOf(reply, "DATA"));

    // Until the last octet is out the server cannot have taken the message.
    const auto text = stuffDots(octets);
    if (auto error = dialog_.write(text, limit * kFinalReplyFactor); !error.empty())
        return {Outcome::Fate::Broken, error + ", in DATA", false};
    reply = dialog_.reply(limit * kFinalReplyFactor);
    if (!reply) return {Outcome::Fate::Ambiguous, reply.error() + ", after DATA", false};
    if (!reply->positive()) return dropped(outcomeOf(reply, "the end of DATA"));
    ++sent_;
    return {Outcome::Fate::Delivered, "", true};
}

void SmtpSession::quit() {
    // Courtesy: the reply does not matter, and nobody waits long for it.
    (void)dialog_.command("QUIT", std::chrono::milliseconds(500));
    dialog_.close();
}

}  // namespace persona::mail
