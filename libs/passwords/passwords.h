#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "libs/protocol/result.h"

namespace persona::passwords {

enum class Scheme { Bcrypt, Argon2id };

struct Options {
    Scheme scheme = Scheme::Bcrypt;
    int bcrypt_cost = 12;              ///< 4 to 31: 2^cost rounds
    std::uint32_t argon2_kib = 19456;  ///< 8 to 4194304 kibibytes
    std::uint32_t argon2_passes = 2;   ///< 1 to 1000
    /// The deployment's secret for the pre-hash (wsapi.md Decisions, W26): at least 32 octets. Lost
    /// with it are all passwords made under it.
    std::string secret;
    /// Told of every hash that was worked out, made or compared, with its cost: rounds of bcrypt,
    /// kibibytes times passes of argon2id. [any]
    std::function<void(std::uint64_t cost)> on_work;
};

/// Empty, or why it may not be a password: "is not in range" (8 to 80 UTF-16 units), "is not valid
/// UTF-8", "has a NUL". Cheap; call before anything else.
[[nodiscard]] std::string_view problemOf(std::string_view utf8);

/// Makes and checks password hashes. Immutable, for any number of threads. Every call but problemOf
/// and needsRehash takes as long as hashing does: executor threads only. Nothing here throws,
/// whatever the octets; copies of secrets are wiped.
class Hasher {
  public:
    /// Errors name the option and its range.
    [[nodiscard]] static Result<Hasher> create(Options options);
    ~Hasher();
    Hasher(Hasher&&) noexcept = default;
    Hasher& operator=(Hasher&&) noexcept = default;
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;

    /// A new hash under today's options, with a fresh salt; printable ASCII, at most 200
    /// characters.
    [[nodiscard]] Result<std::string> hash(std::string_view password) const;
    /// Reads every form that `hash` makes, and plain $2a$, $2b$, $2y$ and $argon2id$. The
    /// comparison takes the same time wherever they differ. False for anything it cannot read.
    [[nodiscard]] bool verify(std::string_view password, std::string_view stored) const;
    /// As long as a verify under today's options; for accounts that are not there (W6).
    void verifyDummy(std::string_view password) const;
    /// Stored under other settings than today's: hash anew at the next sign-in.
    [[nodiscard]] bool needsRehash(std::string_view stored) const;

  private:
    explicit Hasher(Options options) : options_(std::move(options)) {}
    [[nodiscard]] std::string prehash(std::string_view password) const;
    /// Well-formed, of today's cost, and of no password; empty: it cannot be made here.
    [[nodiscard]] std::string hashOfNobody() const;
    void tell(std::uint64_t cost) const;
    Options options_;
    std::string dummy_;
};

}  // namespace persona::passwords
