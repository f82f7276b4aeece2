#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace persona::protocol::detail {

struct BnFree {
    void operator()(BIGNUM* b) const { BN_clear_free(b); }
};
using Bn = std::unique_ptr<BIGNUM, BnFree>;

[[nodiscard]] Bn bnFromOctets(std::string_view octets);
[[nodiscard]] std::string toDecimal(const BIGNUM* n);
[[nodiscard]] std::string toHex(const BIGNUM* n);  ///< lower case, no leading zeros

/// The two published DSA groups (KEY-4).
struct Group {
    Bn p, q, g;
};
[[nodiscard]] const Group& groupDs128();
[[nodiscard]] const Group& groupDs256();

/// r || s of fixed width to DER and back. Empty on failure.
[[nodiscard]] std::string derFromPair(const BIGNUM* r, const BIGNUM* s);
[[nodiscard]] std::string pairFromDer(std::string_view der, int width);

}  // namespace persona::protocol::detail
