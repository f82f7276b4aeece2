#pragma once

#include <cstdint>
#include <string>

#include "libs/mail/header.h"
#include "libs/mail/message.h"
#include "libs/protocol/result.h"

namespace persona::mail {

/// A message ready to go: its octets never change again, so each attempt sends the same.
struct Composed {
    std::string message_id;  ///< with its angle brackets
    std::string to;
    std::string subject;  ///< not encoded
    std::string body;     ///< the plain text part, not encoded, LF line ends
    std::string octets;   ///< RFC 5322, CR LF line ends
};

/// Makes mails of messages (wsapi.md section 6). Immutable; any thread.
class Composer {
  public:
    struct Options {
        std::string public_url, wordmark_url;
        Mailbox from;
        bool remote_logos = false;
    };
    explicit Composer(Options options);

    /// `random`: at least 32 octets, for the Message-ID and the boundary. An error names the field
    /// that does not fit, never its content.
    [[nodiscard]] Result<Composed> compose(const Message& message, std::int64_t now_ms,
                                           std::string_view random) const;

  private:
    Options options_;
    std::string id_domain_;
};

}  // namespace persona::mail
