#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libs/accounts/reader.h"
#include "libs/domainkey/public_keys.h"
#include "libs/passwords/passwords.h"
#include "libs/protocol/verify.h"
#include "libs/wsapi/api.h"
#include "libs/wsapi/devices.h"
#include "libs/wsapi/events.h"
#include "libs/wsapi/providers.h"
#include "libs/wsapi/roles.h"
#include "libs/wsapi/settings.h"
#include "plugins/browserid/measurements.h"

namespace persona::browserid {

/// What the calls of this role work with. Everything outlives the Api; all of it is for [any]
/// thread.
struct Reads {
    const wsapi::Settings& settings;
    const accounts::Reader& reader;
    const passwords::Hasher& hasher;
    const wsapi::SessionCookies& sessions;
    const wsapi::DeviceCookies& devices;
    const wsapi::RoleClient& roles;
    const wsapi::ProviderPort& provider;
    std::function<void(const std::string& domain)> forget_provider;
    const domainkey::PublicFile& domain_keys;
    wsapi::Events& events;
    std::function<void(double ms)> compare_time;
    std::vector<std::string> user_key_algs;
    std::string dbwriter, keysigner;  ///< upstreams
    std::string code_version;         ///< empty: not told
    double data_sample_rate = 0;
    std::vector<std::pair<std::string, double>> sample_rate_per_agent;
    std::function<std::shared_ptr<const wsapi::ProofOptions>()> proof;

    /// Asks dbwriter; its "success" decides.
    [[nodiscard]] wsapi::RoleAnswer write(std::string_view op, const protocol::Json& args) const {
        return roles.post("dbwriter", dbwriter, op, args);
    }
    /// Does so when the answer has gone, without waiting for what it says.
    void writeLater(wsapi::Call& call, std::string op, protocol::Json args) const {
        call.after.emplace_back(
            [this, op = std::move(op), args = std::move(args)] { later(op, args); });
    }
    std::function<void(const std::string& op, const protocol::Json& args)> later;
    Measurements& measurements;
};

/// Each file registers its calls.
void addSessionCalls(wsapi::Api& api, const Reads& reads);
void addLookupCalls(wsapi::Api& api, const Reads& reads);
void addStatusCalls(wsapi::Api& api, const Reads& reads);
void addSignInCalls(wsapi::Api& api, const Reads& reads);
void addCertificateCalls(wsapi::Api& api, const Reads& reads);

}  // namespace persona::browserid
