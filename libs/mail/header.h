#pragma once

#include <string>
#include <string_view>

#include "libs/protocol/result.h"

namespace persona::mail {

/// The header section of a message (RFC 5322). Nothing can be injected: a value with a control
/// character, or a line that would pass 998 octets, makes the whole section an error.
class Header {
  public:
    /// A structured value of printable ASCII, on one line.
    void add(std::string_view name, std::string_view value);
    /// Free text in UTF-8: as it is when it is plain ASCII that fits and cannot be taken for an
    /// encoded-word, else as encoded-words, folded.
    void addText(std::string_view name, std::string_view text);
    /// The section without the empty line after it, or what was wrong with which field.
    [[nodiscard]] Result<std::string> text() const;

  private:
    void fail(std::string_view name, std::string_view why);
    std::string text_, error_;
};

/// A sender such as "Persona <no-reply@login.example>" or "no-reply@login.example".
struct Mailbox {
    std::string address;
    std::string header;  ///< for the From field: the name quoted or encoded where it has to be
};
/// Refuses an address that is not by EMAIL-1 to EMAIL-4 and a name with control characters.
[[nodiscard]] Result<Mailbox> parseMailbox(std::string_view text);

}  // namespace persona::mail
