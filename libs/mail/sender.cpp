#include "libs/mail/sender.h"

#include <openssl/rand.h>

#include <Poco/Exception.h>

#include <utility>

#include "libs/files/files.h"
#include "libs/mail/compose.h"
#include "libs/mail/smtp_sender.h"
#include "libs/mail/spool.h"
#include "libs/mail/transports.h"
#include "libs/protocol/names.h"

namespace persona::mail {

namespace {

std::int64_t systemNowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string systemRandom(std::size_t octets) {
    std::string out(octets, '\0');
    // Empty makes compose() refuse: a Message-ID must not repeat.
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(octets)) != 1)
        out.clear();
    return out;
}

Environment completed(Environment environment) {
    if (!environment.log) environment.log = [](Level, const std::string&) {};
    if (!environment.now_ms) environment.now_ms = systemNowMs;
    if (!environment.random) environment.random = systemRandom;
    return environment;
}

/// Host of `url`, a plain http or https origin. Empty: it is none.
std::string hostOfOrigin(std::string_view url) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!url.starts_with(scheme)) continue;
        auto rest = url.substr(scheme.size());
        const auto colon = rest.find(':');
        const auto host = rest.substr(0, colon);
        const auto port = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
        const auto only = [](std::string_view text, std::string_view also) {
            return text.find_first_not_of(also) == std::string_view::npos;
        };
        if (host.empty() || host.size() > 253 || !only(port, "0123456789") || port.size() > 5 ||
            !only(protocol::toLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-"))
            return {};
        return protocol::toLower(host);
    }
    return {};
}

std::string heloName(const std::string& host) {
    // An address goes in brackets (RFC 5321 4.1.3).
    return host.find_first_not_of("0123456789.") == std::string::npos ? "[" + host + "]" : host;
}

std::string checkSmtp(SmtpOptions& smtp, const std::string& host) {
    if (smtp.host.empty() || smtp.port == 0) return "smtp.host and smtp.port must be set";
    if (smtp.connections == 0 || smtp.connections > 64) return "smtp.connections is not 1 to 64";
    if (smtp.messages_per_connection == 0) return "smtp.messages_per_connection is 0";
    if (smtp.retry_first.count() <= 0 || smtp.retry_most < smtp.retry_first)
        return "smtp.retry_first is 0 or above smtp.retry_most";
    if (smtp.reply_timeout.count() <= 0 || smtp.connect_timeout.count() <= 0)
        return "smtp timeouts must be above 0";
    if (smtp.user.empty() != smtp.password.empty())
        return "smtp.user and smtp.password go together";
    if (smtp.helo.empty()) smtp.helo = heloName(host);
    for (const char c : smtp.helo)
        if (c <= 0x20 || c >= 0x7f) return "smtp.helo is not a host name";
    return {};
}

}  // namespace

Result<std::unique_ptr<Sender>> makeSender(Options options, Environment environment) {
    auto env = completed(std::move(environment));
    const auto host = hostOfOrigin(options.public_url);
    if (host.empty())
        return Error{"mail: public_url is not an origin such as https://login.example"};
    auto from = parseMailbox(options.from);
    if (!from) return Error{"mail: send_from_address: " + from.error()};
    if (!options.wordmark_url.empty() && !options.wordmark_url.starts_with("https://") &&
        !options.wordmark_url.starts_with("http://"))
        return Error{"mail: wordmark_url is not a URL"};
    Composer composer({options.public_url, options.wordmark_url, *from, options.remote_logos});
    if (options.transport == Transport::Console)
        return std::unique_ptr<Sender>(
            std::make_unique<DirectSender>(env, std::move(composer), toConsole(), "stdout"));

    if (options.directory.empty()) return Error{"mail: directory must be set"};
    if (options.transport == Transport::File) {
        if (auto error = files::makeDirectory(options.directory, 0700); !error.empty())
            return Error{"mail: " + error};
        return std::unique_ptr<Sender>(std::make_unique<DirectSender>(
            env, std::move(composer), toDirectory(options.directory), options.directory));
    }
    if (auto error = checkSmtp(options.smtp, host); !error.empty()) return Error{"mail: " + error};
    auto spool = Spool::open(options.directory);
    if (!spool) return Error{spool.error()};
    try {
        return std::unique_ptr<Sender>(std::make_unique<SmtpSender>(
            std::move(options), env, std::move(composer), std::move(*spool), from->address));
    } catch (const Poco::Exception& e) {
        return Error{"mail: TLS: " + e.displayText()};
    }
}

}  // namespace persona::mail
