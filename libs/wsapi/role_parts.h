#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "libs/wsapi/bind.h"
#include "libs/wsapi/credentials.h"
#include "libs/wsapi/devices.h"
#include "libs/wsapi/events.h"
#include "libs/wsapi/roles.h"
#include "libs/wsapi/settings.h"

/// What browserid and dbwriter build alike, over a host that looks like persona::sdk's.
namespace persona::wsapi {

/// Takes a value, or throws its error: while a role starts, errors end the start.
template <typename T, typename E>
[[nodiscard]] T orThrow(Result<T, E> result) {
    if (!result) throw std::runtime_error(result.error());
    return std::move(*result);
}

/// The parts of a role that live as long as it does. [control]
struct RoleParts {
    RoleParts(const Settings& s, const std::string& role, RoleTransport transport,
              std::function<std::int64_t()> now_ms)
        : cookie_secrets(orThrow(loadOrCreateKeyRing(s.cookie_secrets))),
          role_secrets(orThrow(loadOrCreateKeyRing(s.roles_secrets))),
          sessions({s.public_url, cookie_secrets, s.authentication_duration_ms,
                    s.ephemeral_session_duration_ms}),
          devices(cookie_secrets, s.secure()),
          checker(role_secrets, role),
          roles(role_secrets, role, std::move(transport), std::move(now_ms)),
          hasher(makeHasher(s)) {}
    const KeyRing cookie_secrets, role_secrets;
    const SessionCookies sessions;
    const DeviceCookies devices;
    CredentialChecker checker;
    const RoleClient roles;
    const passwords::Hasher hasher;

  private:
    static passwords::Hasher makeHasher(const Settings& s) {
        auto options = s.passwords;
        options.secret = orThrow(loadOrCreateKeyRing(s.password_secrets)).front();
        return orThrow(passwords::Hasher::create(std::move(options)));
    }
};

/// commonOptions() and `own` as rows of the host's option table. Types and flags have the same
/// numbers in persona/abi/config.h, which the plugins assert; `make` is sdk::option.
template <typename Option, typename Make>
[[nodiscard]] std::vector<Option> optionTable(const std::vector<OptionRow>& own, const Make& make) {
    std::vector<Option> out;
    for (const auto* rows : {&commonOptions(), &own})
        for (const auto& row : *rows)
            out.push_back(make(row.name, static_cast<unsigned>(row.kind), row.def, row.doc,
                               (row.required ? 1u : 0u) | (row.secret ? 2u : 0u), row.min, row.max,
                               row.choices));
    return out;
}

/// Fails the start where the configuration lacks an executor.
template <typename Host>
void requireExecutors(const Host& host, const Executors& names) {
    constexpr unsigned kNotFound = 2;
    for (const auto& name : {names.work, names.passwords})
        if (host.submit(name, [](bool) {}) == kNotFound)
            throw std::runtime_error("executor '" + name +
                                     "' is not there: add it under executors");
}

}  // namespace persona::wsapi
