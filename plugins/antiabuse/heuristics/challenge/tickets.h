#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libs/pow/puzzle.h"
#include "libs/wsapi/secret_file.h"

namespace persona::challenge {

/// Whom and what a ticket is for: elsewhere it is worth nothing.
struct Binding {
    std::uint64_t network = 0;  ///< /24 or /56 of the client
    std::uint64_t session = 0, account = 0;
    std::uint32_t route = 0;  ///< class of the route
};

enum class Check : std::uint8_t { Good, Malformed, Expired, Early, Forged, Elsewhere };

/// What the router hands out and takes back without remembering it (anti-abuse.md section 4), all
/// of one form: <head>.<exp>.<route>.<bind>.<id>.<kid>.<mac>. The MAC's key is made anew for each
/// day, and yesterday's still counts; all routers that share secrets.challenge agree. Const after
/// construction; [any] thread. Times: ms since 1970.
class Tickets {
  public:
    static constexpr std::size_t kLongest = 192;
    explicit Tickets(const wsapi::KeyRing& secrets);

    /// "v1.<alg>.<c>.<k>.<d>": a puzzle. Its id is the seed.
    [[nodiscard]] std::string work(const pow::Puzzle& puzzle, const Binding& binding,
                                   std::int64_t until_ms, std::int64_t now_ms) const;
    /// "w1.<nbf>": good from `from_ms` on.
    [[nodiscard]] std::string wait(const std::string& id, const Binding& binding,
                                   std::int64_t from_ms, std::int64_t until_ms,
                                   std::int64_t now_ms) const;
    /// "p1": paid already.
    [[nodiscard]] std::string pass(const std::string& id, const Binding& binding,
                                   std::int64_t until_ms, std::int64_t now_ms) const;

    struct Read {
        Check check = Check::Malformed;
        std::string id;  ///< 16 octets
        pow::Puzzle puzzle;
    };
    /// In this order: length, form, time, MAC, binding.
    [[nodiscard]] Read readWork(std::string_view text, const Binding& binding,
                                std::int64_t now_ms) const;
    [[nodiscard]] Read readWait(std::string_view text, const Binding& binding,
                                std::int64_t now_ms) const;
    [[nodiscard]] Read readPass(std::string_view text, const Binding& binding,
                                std::int64_t now_ms) const;

  private:
    [[nodiscard]] std::string seal(std::string text, const std::string& id, const Binding& binding,
                                   std::int64_t until_ms, std::int64_t now_ms) const;
    [[nodiscard]] Read open(std::string_view text, std::size_t head, const Binding& binding,
                            std::int64_t now_ms) const;
    wsapi::KeyRing secrets_;
};

}  // namespace persona::challenge
