#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libs/accounts/reader.h"
#include "libs/accounts/writer.h"
#include "libs/mail/sender.h"
#include "libs/passwords/passwords.h"
#include "libs/protocol/verify.h"
#include "libs/wsapi/api.h"
#include "libs/wsapi/devices.h"
#include "libs/wsapi/events.h"
#include "libs/wsapi/providers.h"
#include "libs/wsapi/settings.h"

namespace persona::dbwriter {

/// What the calls of this role work with. Everything outlives the Api; all of it is for [any]
/// thread that may block.
struct Writes {
    const wsapi::Settings& settings;
    const accounts::Reader& reader;
    accounts::Writer& writer;
    const passwords::Hasher& hasher;
    const wsapi::SessionCookies& sessions;
    const wsapi::DeviceCookies& devices;
    mail::Sender& sender;
    const wsapi::ProviderPort& provider;
    std::function<void(const std::string& domain)> forget_provider;
    wsapi::Events& events;
    accounts::StageLimits limits, reset_limits;  ///< of tokens; those of a reset live shorter
    std::vector<std::string> languages;          ///< supported_languages
    std::string default_language;
    std::function<std::shared_ptr<const wsapi::ProofOptions>()> proof;
    std::function<void(std::string_view text)> warn;  ///< to the log
};

/// Each file registers its calls.
void addStagingCalls(wsapi::Api& api, const Writes& writes);
void addCompletingCalls(wsapi::Api& api, const Writes& writes);
void addAccountCalls(wsapi::Api& api, const Writes& writes);
void addStepUpCalls(wsapi::Api& api, const Writes& writes);
void addRoleCalls(wsapi::Api& api, const Writes& writes);

}  // namespace persona::dbwriter
