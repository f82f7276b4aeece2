#pragma once

#include <persona/sdk/service.hpp>

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "libs/accounts/store.h"
#include "libs/wsapi/role_parts.h"

/// What the two roles that serve /wsapi are made of, and what each of them would otherwise say
/// again: this file is theirs alone, and compiled into both.
namespace persona::plugins {

/// A role that answers calls of the API: reads the settings, serves each row of the table of calls
/// that is its own, opens the database and the parts, keeps the domain's public keys fresh.
///
/// A role derives, calls open() first in activate(), then makeApi(), adds its calls to what that
/// gives, and ends with ready(). deactivate() is to be called last by the role's own.
class ApiRole : public sdk::Service {
  public:
    void deactivate() override;
    /// [executor] Asks the database.
    std::string health(bool deep) override;

  protected:
    /// `role` is "browserid", which cannot write to the database, or "dbwriter"; a literal.
    /// Throws std::runtime_error for settings that cannot be.
    ApiRole(const psn_host* h, const psn_config* c, std::string_view role);
    /// [control] `on_seen` hears of domains that turned out to have a provider, on any thread; it
    /// must not block. Throws std::runtime_error when something is not to be had.
    void open(std::function<void(const std::string& domain)> on_seen);
    /// [control] The checks before every call, without calls yet.
    [[nodiscard]] wsapi::Api& makeApi();
    /// [control] Throws std::logic_error where a call of this role has no handler.
    void ready() const;
    /// [control] Calls `f(self)` every `interval_ms`, first after `first_ms`, till the role ends.
    /// Throws std::runtime_error.
    void every(std::uint64_t first_ms, std::uint64_t interval_ms, void (*f)(void* self));

    wsapi::Settings settings_;
    const wsapi::Executors executors_;
    wsapi::Events events_;
    std::unique_ptr<wsapi::RoleParts> parts_;
    std::unique_ptr<accounts::Store> store_;
    std::unique_ptr<wsapi::Api> api_;

  private:
    void addRoutes();
    void refreshDomainKeys();
    const std::string role_;
    const bool writes_database_;
    domainkey::LastFault key_fault_;
    std::list<std::string> paths_;  ///< of the routes, which point into it
};

}  // namespace persona::plugins
