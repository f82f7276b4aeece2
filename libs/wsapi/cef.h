#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "libs/protocol/result.h"
#include "libs/wsapi/message.h"

namespace persona::wsapi {

/// How bad an event is: CEF severity 4, 6 or 9.
enum class Severity : std::uint8_t { Info, Warn, Alert };

struct CefOptions {
    std::string host;  ///< of a syslog daemon; empty: no CEF is sent
    std::uint16_t port = 514;
    std::string vendor = "Mozilla", product = "browserid", version = "0.1", tag = "browserid";
    std::string own_host;  ///< dhost: host of public_url
};

/// The security log over UDP syslog (wsapi.md 8.2, RFC 3164). One datagram for each event, without
/// addresses of people, clients or queries; what cannot be sent at once is lost, as UDP is. [any]
class CefSyslog {
  public:
    /// Errors: the host's name does not resolve, or there is no socket.
    [[nodiscard]] static Result<std::unique_ptr<CefSyslog>> open(CefOptions options);
    ~CefSyslog();
    CefSyslog(const CefSyslog&) = delete;
    CefSyslog& operator=(const CefSyslog&) = delete;
    void send(Severity severity, std::string_view signature, std::string_view name,
              const Request* about) const;

  private:
    CefSyslog(CefOptions options, int fd) : options_(std::move(options)), fd_(fd) {}
    const CefOptions options_;
    const int fd_;
};

/// The datagram, at most 1023 octets. `about` may be null.
[[nodiscard]] std::string cefLine(const CefOptions& options, Severity severity,
                                  std::string_view signature, std::string_view name,
                                  const Request* about, std::int64_t now_s, int pid);

}  // namespace persona::wsapi
