#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace persona::wsapi {

/// Types of arguments (wsapi.md 3.4; the last three are ours, for calls between roles).
enum class Type : std::uint8_t {
    Email,
    EmailType,
    Password,
    Boolean,
    Token,
    Assertion,
    PublicKey,
    HostName,
    Origin,
    Color,
    Image,
    UserId,
    Text,  ///< 1 to 256 octets
    Any    ///< the handler checks it
};

struct Argument {
    std::string_view name;
    Type type;
    bool optional = false;
};

/// Which role serves a call.
enum class Server : std::uint8_t { Reads, Writes, Both };
/// What a caller must show. Assertion: any authenticated session. Password: one made with the
/// password. Service: credentials of a role (credentials.h); such calls are internal.
enum class Auth : std::uint8_t { None, Assertion, Password, Service };

/// One call of the API, as wsapi.md section 4 has it with its amendments.
struct Endpoint {
    std::string_view name, method;
    Server server;
    Auth auth;
    std::span<const Argument> arguments;
    bool strict;  ///< arguments that are not listed are an error
    bool locale;  ///< the language of the caller matters: mails are sent
    std::string_view summary;
    [[nodiscard]] bool internal() const { return auth == Auth::Service; }
};

/// The one list of calls: both roles register their handlers by it, the router routes by it, and
/// docs/api.md is printed from it.
[[nodiscard]] std::span<const Endpoint> endpoints();
/// nullptr: no such call.
[[nodiscard]] const Endpoint* findEndpoint(std::string_view name);
/// "served by `role`": `writes` is true for dbwriter.
[[nodiscard]] bool servedBy(const Endpoint& endpoint, bool writes);
/// docs/api.md, whole.
[[nodiscard]] std::string endpointReference();

[[nodiscard]] std::string_view nameOf(Type type);

}  // namespace persona::wsapi
