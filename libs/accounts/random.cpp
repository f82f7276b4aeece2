#include "libs/accounts/random.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace persona::accounts {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

void fill(const Random& random, unsigned char* out, std::size_t size) {
    if (!random(out, size)) throw std::runtime_error("the source of randomness failed");
}

std::string hex(const unsigned char* octets, std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) {
        out += "0123456789abcdef"[octets[i] >> 4];
        out += "0123456789abcdef"[octets[i] & 15];
    }
    return out;
}

}  // namespace

Random systemRandom() {
    return [](unsigned char* out, std::size_t size) {
        return RAND_bytes(out, static_cast<int>(size)) == 1;
    };
}

std::string makeToken(const Random& random) {
    constexpr unsigned kFair = 256 / kAlphabet.size() * kAlphabet.size();
    std::string token;
    std::array<unsigned char, 64> octets{};
    while (token.size() < kTokenLength) {
        fill(random, octets.data(), octets.size());
        for (const auto octet : octets)
            if (octet < kFair && token.size() < kTokenLength)
                token += kAlphabet[octet % kAlphabet.size()];
    }
    return token;
}

bool isToken(std::string_view text) {
    return text.size() == kTokenLength && std::all_of(text.begin(), text.end(), [](char c) {
               return kAlphabet.find(c) != std::string_view::npos;
           });
}

std::string tokenDigest(std::string_view token) {
    std::array<unsigned char, 32> digest{};
    if (EVP_Digest(token.data(), token.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
        throw std::runtime_error("SHA-256 is not to be had");
    return hex(digest.data(), digest.size());
}

std::string makeKey(const Random& random) {
    std::array<unsigned char, 16> octets{};
    fill(random, octets.data(), octets.size());
    return hex(octets.data(), octets.size());
}

std::int64_t makeUserId(const Random& random) {
    for (;;) {
        std::array<unsigned char, 7> octets{};
        fill(random, octets.data(), octets.size());
        std::uint64_t id = 0;
        for (const auto octet : octets) id = id << 8 | octet;
        id &= (std::uint64_t(1) << 53) - 1;
        if (id != 0) return static_cast<std::int64_t>(id);
    }
}

}  // namespace persona::accounts
