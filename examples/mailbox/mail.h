#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace persona::examples {

/// What the mailbox page shows of a message.
struct Mail {
    std::string to, subject, link;  ///< link: X-BrowserID-VerificationURL
    std::string text, html;
};

/// Reads a message in the forms that libs/mail writes: multipart/alternative or plain text,
/// quoted-printable, UTF-8, encoded-words in base64. Empty: it is something else.
[[nodiscard]] std::optional<Mail> parseMail(std::string_view octets);

}  // namespace persona::examples
