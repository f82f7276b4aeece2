#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "libs/discovery/client_port.h"
#include "libs/discovery/settings.h"
#include "libs/domainkey/public_keys.h"
#include "libs/wsapi/bind.h"
#include "libs/wsapi/credentials.h"
#include "libs/wsapi/devices.h"
#include "libs/wsapi/events.h"
#include "libs/wsapi/providers.h"
#include "libs/wsapi/roles.h"
#include "libs/wsapi/session_class.h"
#include "libs/wsapi/settings.h"

/// What browserid and dbwriter build alike, over a host that looks like persona::sdk's.
namespace persona::wsapi {

/// Takes a value, or throws its error: while a role starts, errors end the start.
template <typename T, typename E>
[[nodiscard]] T orThrow(Result<T, E> result) {
    if (!result) throw std::runtime_error(result.error());
    return std::move(*result);
}

/// What the parts need of the host.
struct RolePorts {
    std::string role;  ///< "browserid" or "dbwriter"
    RoleTransport transport;
    std::function<std::int64_t()> now_ms, monotonic_ms;
    discovery::FetchPort fetch;
    std::function<void(const std::string& domain)> on_seen;
};

/// The parts of a role that live as long as it does. Made on [control]; const for [any] afterwards.
class RoleParts {
  public:
    RoleParts(const Settings& settings, RolePorts ports);
    /// Options for a proof, with the domain's keys as they are now.
    [[nodiscard]] std::shared_ptr<const ProofOptions> proof() const;
    /// Of an account, for the check of a session.
    [[nodiscard]] static EpochPort epochOf(const accounts::Reader& reader);

    const KeyRing cookie_secrets, role_secrets;
    const ClassCookies classes;
    const SessionCookies sessions;
    const DeviceCookies devices;
    CredentialChecker checker;
    const RoleClient roles;
    const passwords::Hasher hasher;
    domainkey::PublicFile domain_keys;
    discovery::Discovery discovery;
    const ProviderPort provider;

  private:
    ProofOptions proof_;
};

/// commonOptions() and `own` as rows of the host's option table. Types and flags have the same
/// numbers in persona/abi/config.h; `make` is sdk::option.
template <typename Option, typename Make>
[[nodiscard]] std::vector<Option> optionTable(const std::vector<OptionRow>& own, const Make& make) {
    std::vector<Option> out;
    for (const auto* rows : {&commonOptions(), &own})
        for (const auto& row : *rows)
            out.push_back(
                make(row.name, static_cast<unsigned>(row.kind), row.def, row.doc,
                     (row.required ? 1u : 0u) | (row.secret ? 2u : 0u) | (row.loopback ? 8u : 0u),
                     row.min, row.max, row.choices));
    discovery::appendSettings(out, [&](auto... values) { return make(values...); });
    return out;
}

/// Counts what calls cost in hashes and statements: for operators, and to show that an address that
/// is known costs what an unknown one does (W6). `Host` is persona::sdk::Host.
template <typename Host>
void countWork(Settings& settings, const Host& host) {
    settings.passwords.on_work = [hashes = host.counter("passwords.hashes"),
                                  cost = host.counter("passwords.cost")](std::uint64_t work) {
        hashes.add();
        cost.add(static_cast<std::int64_t>(work));
    };
    settings.database.before_statement =
        [statements = host.counter("database.statements")](std::string_view) { statements.add(); };
}

/// Writes to the log why the database could not; at most a line a second, whoever asks for it
/// meanwhile.
template <typename Host>
void logFailures(Settings& settings, const Host& host) {
    settings.database.on_unavailable = [&host, failures = host.counter("database.failures"),
                                        last = std::make_shared<std::atomic<std::int64_t>>(0)](
                                           const std::string& why) {
        constexpr std::int64_t kSecond = 1'000'000'000;
        failures.add();
        const auto now = host.monotonicNs();
        auto before = last->load();
        if ((before == 0 || now - before >= kSecond) && last->compare_exchange_strong(before, now))
            host.error("database is down, cannot process request: " + why);
    };
}

/// Fails the start where the configuration lacks an executor.
template <typename Host>
void requireExecutors(const Host& host, const Executors& names) {
    constexpr unsigned kNotFound = 2;
    for (const auto& name : {names.work, names.passwords, names.strangers})
        if (!name.empty() && host.submit(name, [](bool) {}) == kNotFound)
            throw std::runtime_error("executor '" + name +
                                     "' is not there: add it under executors");
}

}  // namespace persona::wsapi
