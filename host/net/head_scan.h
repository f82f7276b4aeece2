#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "host/net/fields.h"
#include "host/net/settings.h"

namespace persona::host::net {

/// Octet-level check of a message head before it reaches the parser, for all that a parser may
/// tolerate but a proxy must not: bare CR or LF, folding, space before a colon, NUL and other
/// control octets (RFC 9112 sections 2.2, 3, 5). Resumable: each octet is looked at once.
class HeadScanner {
  public:
    enum class State { NeedMore, Complete, Bad };
    struct Result {
        State state = State::NeedMore;
        std::size_t head_size = 0;  ///< Complete: octets up to and with the empty line
        unsigned status = 0;        ///< Bad: what to answer
        const char* counter = "";   ///< Bad: name after "engine."
        const char* reason = "";    ///< Bad: text for the client
    };
    /// `data` starts at the head's first octet at each call.
    Result scan(std::string_view data, const Limits& limits, bool request);
    void reset() { *this = HeadScanner(); }

  private:
    std::size_t line_start_ = 0;
    std::size_t lines_ = 0;
};

/// True for 1 or more token octets (RFC 9110 5.6.2).
[[nodiscard]] bool isToken(std::string_view text);
/// True when `list` (a comma-separated field) has `token`, compared without case.
[[nodiscard]] bool listHas(std::string_view list, std::string_view token);
/// The names in the Connection fields: of fields that belong to this hop (RFC 9110 7.6.1). Views
/// into the fields.
class ConnectionOptions {
  public:
    /// False: more than anybody needs. Each field is looked for among them.
    [[nodiscard]] bool read(const Fields& fields);
    [[nodiscard]] bool has(std::string_view name) const;

  private:
    static constexpr std::size_t kMost = 32;
    std::array<std::string_view, kMost> names_;
    std::size_t count_ = 0;
};
/// uri-host with an optional port, by RFC 3986 3.2.2; may be empty. No user information.
[[nodiscard]] bool isAuthority(std::string_view text);
/// Without blanks at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

}  // namespace persona::host::net
