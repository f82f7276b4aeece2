#pragma once

#include <persona/abi/ext/draft/facts.h>

#include <persona/sdk/siphash.hpp>
#include <string_view>

#include "libs/addresses/address.h"

namespace persona::antiabuse {

/// Keyed hashes that stand for addresses, accounts and whatever else state is kept by. The same
/// text has another key in each role it plays, and in each deployment. [any] thread.
class Keys {
  public:
    /// `secret`: at least 16 octets.
    explicit Keys(std::string_view secret);
    enum class Kind : std::uint8_t {
        Prefix = 1,
        Account,
        Mailbox,
        Domain,
        Origin,
        Audience,
        Session,
        Agent,
        Path,
        Query
    };
    /// Not 0.
    [[nodiscard]] std::uint64_t of(Kind kind, std::string_view text) const;
    /// IPv4: /32, /24, 0; IPv6: /64, /56, /48.
    void ofPrefixes(const addresses::Address& address, std::uint64_t (&out)[3]) const;
    /// account_key, mailbox_key and domain_key of an e-mail address, case aside; what has no "@",
    /// or is longer than an address can be, has none.
    void ofAddress(std::string_view address, psn_facts& out) const;
    /// Domain or origin: case aside.
    [[nodiscard]] std::uint64_t ofName(Kind kind, std::string_view name) const;

  private:
    sdk::SipSecret secret_;
};

}  // namespace persona::antiabuse
