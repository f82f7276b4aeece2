#pragma once

#include <openssl/bn.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace persona::protocol::detail {

struct BnFree {
    void operator()(BIGNUM* b) const { BN_clear_free(b); }
};
using Bn = std::unique_ptr<BIGNUM, BnFree>;

[[nodiscard]] Bn bnFromOctets(std::string_view octets);
/// The least octet first.
[[nodiscard]] Bn bnFromLittle(const std::vector<unsigned char>& octets);
[[nodiscard]] std::string toDecimal(const BIGNUM* n);
[[nodiscard]] std::string toHex(const BIGNUM* n);  ///< lower case, no leading zeros
/// Big-endian octets, none in front that are zero.
[[nodiscard]] std::string toOctets(const BIGNUM* n);
/// In the byte order of this machine, as OSSL_PARAM takes numbers.
[[nodiscard]] std::vector<unsigned char> toNative(const BIGNUM* n);

/// One of the two published DSA groups (KEY-4).
struct Group {
    Group(const char* p_text, const char* q_text, const char* g_text);
    ~Group();
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    /// 2 <= y <= p - 2 and y^q mod p = 1.
    [[nodiscard]] bool contains(const BIGNUM* y) const;

    const std::string p_hex, q_hex, g_hex, q_octets;
    Bn p, q, g, largest_y;
    std::vector<unsigned char> p_native, q_native, g_native;

  private:
    BN_MONT_CTX* mont_;  ///< for p: setting it up anew would cost as much as a tenth of the check
};
[[nodiscard]] const Group& groupDs128();
[[nodiscard]] const Group& groupDs256();

/// Order of P-256, 32 octets.
[[nodiscard]] const std::string& p256Order();
/// SIG-3, SIG-4: r || s, left-padded to twice the octets of `order`, to DER; empty when r or s is
/// not in 1 .. order - 1. At most twice the octets of `order`.
[[nodiscard]] std::string rangeCheckedDer(std::string_view signature, std::string_view order);
/// DER of two positive numbers, as OpenSSL signs, to r || s of `width` octets each, at most 60;
/// empty when it is something else.
[[nodiscard]] std::string pairFromDer(std::string_view der, std::size_t width);

}  // namespace persona::protocol::detail
