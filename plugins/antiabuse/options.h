#pragma once

#include <map>
#include <persona/sdk/host.hpp>
#include <string>
#include <vector>

#include "libs/addresses/prefix_set.h"
#include "libs/wsapi/secret_file.h"
#include "plugins/antiabuse/combine.h"
#include "plugins/antiabuse/ledger.h"
#include "plugins/antiabuse/modes.h"

namespace persona::antiabuse {

/// Options of the filter, read and checked; throws std::runtime_error with the option's name.
struct Options {
    explicit Options(const sdk::Config& config);
    std::string secret;
    wsapi::KeyRing class_keys;
    std::string verifier_authority;  ///< empty: it has none of its own
    std::string explain_file;
    addresses::PrefixSet trusted;
    std::map<std::string, Mode> modes;
    Mode default_mode;
    Ledger::Options ledger;
    Weights weights;
    std::uint64_t max_body = 10'240;
    std::uint32_t explain_rate = 100, tarpit_most = 256;
};

[[nodiscard]] std::vector<psn_option> declaredOptions();

}  // namespace persona::antiabuse
