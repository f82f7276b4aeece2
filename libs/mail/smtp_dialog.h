#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/result.h"

namespace persona::mail {

/// When somebody wants the delivery to end: at once, or at a point of time.
class StopSignal {
  public:
    using Clock = std::chrono::steady_clock;
    /// Dialogs fail from `at` on. Any thread.
    void stopAt(Clock::time_point at) { at_.store(at.time_since_epoch().count()); }
    [[nodiscard]] bool reached() const {
        return Clock::now().time_since_epoch().count() >= at_.load();
    }

  private:
    std::atomic<Clock::rep> at_{Clock::time_point::max().time_since_epoch().count()};
};

/// One reply of the server (RFC 5321 4.2).
struct Reply {
    int code = 0;
    std::vector<std::string> lines;  ///< without the code
    [[nodiscard]] bool positive() const { return code >= 200 && code < 300; }
    /// "550 5.1.1": nothing of the free text, in which servers put addresses.
    [[nodiscard]] std::string status() const;
};

/// Commands and replies on one socket. Replies are bounded in size and in time as a whole, which
/// Poco's SMTPClientSession does not do (docs/decisions/0030). One thread.
class SmtpDialog {
  public:
    using Milliseconds = std::chrono::milliseconds;

    /// Shares the socket. `stop` outlives the dialog.
    SmtpDialog(const Poco::Net::StreamSocket& socket, const StopSignal& stop);

    /// Sends a line; CR LF is added. A line with CR, LF or NUL is refused.
    [[nodiscard]] Result<Reply> command(std::string_view line, Milliseconds limit);
    [[nodiscard]] Result<Reply> reply(Milliseconds limit);
    /// Sends octets as they are. Empty: sent; else why not.
    [[nodiscard]] std::string write(std::string_view octets, Milliseconds limit);
    /// Goes over to TLS as the client and checks the certificate against `host`. What the server
    /// has sent in plain text beyond its last reply is an error (command injection).
    [[nodiscard]] std::string startTls(const Poco::Net::Context::Ptr& context,
                                       const std::string& host, Milliseconds limit);
    void close();

  private:
    [[nodiscard]] std::string fill(StopSignal::Clock::time_point deadline);

    Poco::Net::StreamSocket socket_;
    const StopSignal& stop_;
    std::string buffer_;
};

}  // namespace persona::mail
