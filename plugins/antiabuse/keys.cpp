#include "plugins/antiabuse/keys.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace persona::antiabuse {

namespace {

constexpr std::size_t kLongestAddress = 320, kLongestName = 512;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

Keys::Keys(std::string_view secret) {
    if (secret.size() < sizeof secret_) throw std::invalid_argument("a secret that is too short");
    std::memcpy(secret_.data(), secret.data(), sizeof secret_);
}

std::uint64_t Keys::of(Kind kind, std::string_view text) const {
    const sdk::SipSecret own{secret_[0] ^ static_cast<std::uint64_t>(kind), secret_[1]};
    const auto h = sdk::sipHash(own, text);
    return h == 0 ? 1 : h;
}

void Keys::ofPrefixes(const addresses::Address& a, std::uint64_t (&out)[3]) const {
    // The width of the prefix stands before its octets.
    std::array<char, 9> text{};
    const auto key = [&](unsigned bits) {
        text[0] = static_cast<char>(a.is_v4 ? bits : bits | 0x80);
        std::memcpy(text.data() + 1, a.octets.data(), bits / 8);
        return of(Kind::Prefix, {text.data(), 1 + bits / 8});
    };
    out[0] = key(a.is_v4 ? 32 : 64);
    out[1] = key(a.is_v4 ? 24 : 56);
    out[2] = a.is_v4 ? 0 : key(48);
}

std::uint64_t Keys::ofName(Kind kind, std::string_view name) const {
    std::array<char, kLongestName> text;
    if (name.empty() || name.size() > text.size()) return 0;
    std::transform(name.begin(), name.end(), text.begin(), lower);
    return of(kind, {text.data(), name.size()});
}

void Keys::ofAddress(std::string_view address, psn_facts& out) const {
    const auto at = address.rfind('@');
    std::array<char, kLongestAddress> text;
    if (at == std::string_view::npos || at == 0 || address.size() > text.size()) return;
    std::transform(address.begin(), address.end(), text.begin(), lower);
    const std::string_view all(text.data(), address.size());
    out.account_key = of(Kind::Account, all);
    out.domain_key = of(Kind::Domain, all.substr(at + 1));
    const auto plus = all.substr(0, at).find('+');
    if (plus == std::string_view::npos || plus == 0) {
        out.mailbox_key = of(Kind::Mailbox, all);
        return;
    }
    std::copy(text.begin() + static_cast<std::ptrdiff_t>(at),
              text.begin() + static_cast<std::ptrdiff_t>(address.size()),
              text.begin() + static_cast<std::ptrdiff_t>(plus));
    out.mailbox_key = of(Kind::Mailbox, {text.data(), address.size() - (at - plus)});
}

}  // namespace persona::antiabuse
