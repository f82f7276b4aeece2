#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libs/accounts/login.h"
#include "libs/accounts/store.h"
#include "libs/discovery/settings.h"
#include "libs/passwords/passwords.h"
#include "libs/wsapi/cef.h"
#include "libs/wsapi/secret_file.h"

namespace persona::wsapi {

/// A configuration option as persona/abi/config.h has them, kept apart from it so that the
/// libraries stay free of the SDK. The plugins turn rows into psn_option.
struct OptionRow {
    /// Numbered as PSN_OPT_*.
    enum class Kind : std::uint8_t {
        Text = 1,
        Integer = 2,
        Flag = 3,
        Duration = 5,
        Size = 6,
        List = 7,
        Choice = 8,
        Map = 9
    };
    std::string_view name;
    Kind kind;
    std::string_view def, doc;
    std::int64_t min = 0, max = 0;
    std::string_view choices = {};
    bool required = false, secret = false, loopback = false;  ///< PSN_OPT_*
};

/// What browserid and dbwriter are both told.
[[nodiscard]] const std::vector<OptionRow>& commonOptions();

/// The values of those options.
struct Settings {
    std::string public_url, own_host;
    std::string cookie_secrets, class_secrets, roles_secrets, password_secrets;  ///< files
    bool open_roles = false, legacy_reasons = false, allow_unverified = false;
    std::vector<std::string> forcible_issuers;
    std::int64_t authentication_duration_ms = 0, ephemeral_session_duration_ms = 0;
    std::int64_t grace_ms = 0;
    accounts::StoreOptions database;
    passwords::Options passwords;
    accounts::LoginLimits login;
    std::string public_key_file;
    discovery::Settings discovery;
    CefOptions cef;
    protocol::KeyOptions keys;  ///< extension_algorithms
    [[nodiscard]] bool mayForce(const std::string& issuer) const {
        return std::find(forcible_issuers.begin(), forcible_issuers.end(), issuer) !=
               forcible_issuers.end();
    }
    [[nodiscard]] bool secure() const { return public_url.starts_with("https://"); }
};

/// Reads them; throws std::runtime_error with what is wrong and what was expected. `Config` is
/// persona::sdk::Config, or looks like it.
template <typename Config>
[[nodiscard]] Settings readSettings(const Config& c);

/// Checks and completes what was read; throws as above.
void finishSettings(Settings& settings, const std::vector<std::string>& extension_algorithms);

}  // namespace persona::wsapi

#include "libs/wsapi/settings_read.h"
