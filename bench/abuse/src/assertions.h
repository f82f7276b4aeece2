#pragma once

#include <string>
#include <string_view>

#include "bench/abuse/src/wire.h"

namespace persona::abuse {

/// What an assertion would cost and come to, judged by its looks: sizes of keys, number of parts,
/// issuer. A signature that begins with "good" is good; nothing else about it is checked.
struct Judged {
    Outcome outcome = Outcome::VerifyBad;
    std::int64_t cost_us = 0;
    std::string foreign_issuer;  ///< host whose keys would have to be fetched
};
Judged judgeAssertion(std::string_view body);

/// Loopback, private, link-local, shared, and names that are no public ones.
bool isPrivateHost(std::string_view host);

}  // namespace persona::abuse
