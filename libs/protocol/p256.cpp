#include "libs/protocol/p256.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace persona::protocol::detail {

namespace {

__extension__ using Wide = unsigned __int128;  // -Wpedantic knows no other way to name it

/// A number below 2^256, the least 64 bits first.
using Number = std::array<std::uint64_t, 4>;

/// 2^256 - 2^224 + 2^192 + 2^96 - 1.
constexpr Number kPrime{0xffff'ffff'ffff'ffff, 0x0000'0000'ffff'ffff, 0, 0xffff'ffff'0000'0001};
constexpr Number kB{0x3bce'3c3e'27d2'604b, 0x651d'06b0'cc53'b0f6, 0xb3eb'bd55'7698'86bc,
                    0x5ac6'35d8'aa3a'93e7};

/// a - b modulo 2^256; `borrow` is then 1 when b is the greater, else 0.
constexpr Number less(const Number& a, const Number& b, std::uint64_t& borrow) {
    Number out{};
    borrow = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const Wide d = static_cast<Wide>(a[i]) - b[i] - borrow;
        out[i] = static_cast<std::uint64_t>(d);
        borrow = static_cast<std::uint64_t>(d >> 64) & 1;
    }
    return out;
}

constexpr bool isBelowPrime(const Number& a) {
    std::uint64_t borrow = 0;
    (void)less(a, kPrime, borrow);
    return borrow != 0;
}

/// a - b modulo the prime, of numbers below it.
constexpr Number minus(const Number& a, const Number& b) {
    std::uint64_t borrow = 0, carry = 0;
    auto out = less(a, b, borrow);
    // Half of all differences borrow: adding the prime or nothing is faster than guessing.
    for (std::size_t i = 0; i < 4; ++i) {
        const Wide sum = static_cast<Wide>(out[i]) + (kPrime[i] & -borrow) + carry;
        out[i] = static_cast<std::uint64_t>(sum);
        carry = static_cast<std::uint64_t>(sum >> 64);
    }
    return out;
}

/// to + m n + carry: the lower half; the upper one is the new carry.
constexpr std::uint64_t addProduct(std::uint64_t to, std::uint64_t m, std::uint64_t n,
                                   std::uint64_t& carry) {
    const Wide sum = static_cast<Wide>(m) * n + to + carry;
    carry = static_cast<std::uint64_t>(sum >> 64);
    return static_cast<std::uint64_t>(sum);
}

/// Montgomery's product: a b / 2^256 modulo the prime, of numbers below it. The prime is -1 modulo
/// 2^64, so the lowest 64 bits say themselves how often it is to be added to clear them: they then
/// stand for themselves times (2^96 + 2^192 (2^64 - 2^32 + 1)).
constexpr Number product(const Number& a, const Number& b) {
    Number t{};
    std::uint64_t top = 0;  // above t, 0 or 1
    for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < 4; ++j) t[j] = addProduct(t[j], a[j], b[i], carry);
        const std::uint64_t fifth = addProduct(top, 0, 0, carry), sixth = carry;
        const std::uint64_t times = t[0];
        carry = 0;
        t[0] = addProduct(t[1], times, std::uint64_t{1} << 32, carry);
        t[1] = addProduct(t[2], 0, 0, carry);
        t[2] = addProduct(t[3], times, kPrime[3], carry);
        t[3] = addProduct(fifth, 0, 0, carry);
        top = sixth + carry;
    }
    std::uint64_t borrow = 0;
    const auto reduced = less(t, kPrime, borrow);
    return borrow > top ? t : reduced;
}

constexpr Number kOne{1};
constexpr Number kThreeOver = product(Number{3}, kOne), kBOver = product(kB, kOne);  // over 2^256

/// 32 octets, the greatest first.
Number numberAt(const std::uint8_t* octets) {
    Number out{};
    for (auto limb = out.rbegin(); limb != out.rend(); ++limb, octets += 8) {
        std::memcpy(&*limb, octets, 8);
        if constexpr (std::endian::native == std::endian::little) *limb = __builtin_bswap64(*limb);
    }
    return out;
}

}  // namespace

bool isOnP256(const Point& point) {
    const auto x = numberAt(point.data() + 1), y = numberAt(point.data() + 33);
    if (point[0] != 0x04 || !isBelowPrime(x) || !isBelowPrime(y)) return false;
    // y^2 - b = x (x^2 - 3), both sides over 2^512: so no number need be multiplied by 2^256 first.
    return product(minus(product(y, y), kBOver), kOne) ==
           product(minus(product(x, x), kThreeOver), x);
}

}  // namespace persona::protocol::detail
