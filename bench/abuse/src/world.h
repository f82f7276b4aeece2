#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/abuse/src/wire.h"

namespace persona::abuse {

/// Calls and pages that the generator asks for and the stub answers. Order is the number in files.
enum class Route : std::uint8_t {
    Root,
    IncludeJs,
    SignInView,
    Static,
    SessionContext,
    AddressInfo,
    HaveEmail,
    Authenticate,
    ListEmails,
    CertKey,
    InteractionData,
    StageUser,
    UserCreationStatus,
    CompleteUserCreation,
    StageReset,
    ResetStatus,
    CompleteReset,
    StageEmail,
    AdditionStatus,
    CompleteConfirmation,
    UpdatePassword,
    Verify,
    UnknownCall,
    UnknownPath,
    Logout,
    EmailForToken,
    StageUnblock,
    CompleteUnblock,
    Discovery,
    Count
};

struct RouteInfo {
    Route route;
    const char* name;
    bool post;
    const char* path;
    std::uint32_t cost_us;  ///< of the API's pool
    int hashes;             ///< and so many password hashes besides
};

const RouteInfo& info(Route route);
/// By method and path (without query); null: none.
const RouteInfo* findRoute(std::string_view method, std::string_view path);

/// People that generator and stub agree about. Accounts from kStrangers on exist nowhere.
constexpr std::uint32_t kStrangers = 0x40000000;
std::string emailOf(std::uint32_t account);
/// The account of an address as emailOf() makes it; kStrangers or above: unknown.
std::uint32_t accountOf(std::string_view email);
std::string passwordOf(std::uint32_t account);
/// The token in the mail to that address: derived, so that a link can be clicked without a mailbox.
std::string tokenOf(std::string_view email);

const char* name(Outcome outcome);
Outcome outcomeOf(std::string_view text);

/// SplitMix64: the generator's and the stub's only source of chance.
constexpr std::uint64_t mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}
std::string hex(std::uint64_t value);

/// Value of `"key":` in flat JSON, unescaped no further than \" and \\; empty: none.
std::string jsonValue(std::string_view json, std::string_view key);
/// Value of a cookie in a Cookie field.
std::string_view cookieOf(std::string_view field, std::string_view name);

}  // namespace persona::abuse
