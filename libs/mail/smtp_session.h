#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "libs/mail/sender.h"
#include "libs/mail/smtp_dialog.h"

namespace persona::mail {

/// What became of one attempt to deliver one message.
struct Outcome {
    enum class Fate {
        Delivered,
        Refused,    ///< for good: 5xx
        Later,      ///< this message, not now: 4xx
        Broken,     ///< the connection broke before the server could have taken the message
        Ambiguous,  ///< it broke after the end of the message: the server may have taken it
    };
    Fate fate = Fate::Delivered;
    std::string why;        ///< status and command, such as "550 5.1.1 at RCPT"; no address
    bool reusable = false;  ///< the session can take another message
};

/// An SMTP session as a client (RFC 5321, 3207, 4954), from the greeting on. One thread.
class SmtpSession {
  public:
    /// Connects, goes over to TLS and signs in as the options say. The error names the step.
    /// `stop` and `options` outlive the session; `context` is used with TLS only.
    [[nodiscard]] static Result<std::unique_ptr<SmtpSession>> open(
        const SmtpOptions& options, const Poco::Net::Context::Ptr& context, const StopSignal& stop);

    [[nodiscard]] Outcome send(std::string_view from, std::string_view to, std::string_view octets);
    [[nodiscard]] std::size_t sent() const { return sent_; }
    void quit();

  private:
    SmtpSession(SmtpDialog dialog, const SmtpOptions& options)
        : dialog_(std::move(dialog)), options_(options) {}
    [[nodiscard]] std::string greet(const Poco::Net::Context::Ptr& context, bool loopback);
    [[nodiscard]] std::string hello();
    [[nodiscard]] std::string signIn();
    [[nodiscard]] bool offers(std::string_view keyword, std::string_view word = {}) const;

    SmtpDialog dialog_;
    const SmtpOptions& options_;
    std::vector<std::string> capabilities_;
    std::size_t sent_ = 0;
};

/// Message text as it goes through DATA: lines that begin with a dot get a second one, and the line
/// with the single dot is at the end.
[[nodiscard]] std::string stuffDots(std::string_view octets);

}  // namespace persona::mail
