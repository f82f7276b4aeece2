#include "plugins/api_role.h"

#include <stdexcept>

namespace persona::plugins {

namespace {

constexpr std::uint64_t kMaxBody = 10'240, kRoleDeadlineMs = 10'000, kSecondMs = 1'000;

std::uint32_t levelOf(wsapi::Events::Level level) {
    switch (level) {
        case wsapi::Events::Level::Alert:
            return PSN_LOG_ERROR;
        case wsapi::Events::Level::Warn:
            return PSN_LOG_WARN;
        default:
            return PSN_LOG_INFO;
    }
}

}  // namespace

ApiRole::ApiRole(const psn_host* h, const psn_config* c, std::string_view role)
    : Service(h, c),
      settings_(wsapi::readSettings(config)),
      executors_{config.str("executors." + std::string(role)), config.str("executors.passwords"),
                 config.str("executors.strangers")},
      events_([this](wsapi::Events::Level level, std::string_view line) {
          host.log(levelOf(level), line);
      }),
      role_(role),
      writes_database_(role == "dbwriter") {
    settings_.database.read_only = !writes_database_;
    wsapi::countWork(settings_, host);
    wsapi::logFailures(settings_, host);
    addRoutes();
}

void ApiRole::addRoutes() {
    for (const auto& e : wsapi::endpoints()) {
        if (!wsapi::servedBy(e, writes_database_)) continue;
        paths_.push_back("/wsapi/" + std::string(e.name));
        const auto counted = host.counter("wsapi." + std::string(e.name));
        RouteOptions o;
        o.body = PSN_BODY_BUFFER;
        o.max_body = kMaxBody;
        route(e.method, paths_.back(), e.name, o, [this, &e, counted](const sdk::Stream& s) {
            counted.add();
            wsapi::serve(*api_, host, executors_, s, e.name);
        });
    }
    RouteOptions others;
    others.match = PSN_MATCH_PREFIX;
    route("", "/wsapi", "no_such_api", others,
          [](const sdk::Stream& s) { wsapi::send(s, wsapi::refusal(400, "no such api")); });
}

void ApiRole::open(std::function<void(const std::string& domain)> on_seen) {
    wsapi::requireExecutors(host, executors_);
    if (!settings_.cef.host.empty())
        events_.sendTo(wsapi::orThrow(wsapi::CefSyslog::open(settings_.cef)));
    store_ = wsapi::orThrow(accounts::Store::open(settings_.database));
    parts_ = std::make_unique<wsapi::RoleParts>(
        settings_,
        wsapi::RolePorts{role_, wsapi::transportOver<sdk::ClientRequest>(host, kRoleDeadlineMs),
                         [this] { return host.wallMs(); },
                         [this] { return host.monotonicNs() / 1'000'000; },
                         discovery::clientPort<sdk::ClientRequest>(
                             host, {PSN_OK, PSN_TIMEOUT, PSN_FULL, PSN_CLIENT_ALLOW_PRIVATE}),
                         std::move(on_seen)});
    every(kSecondMs, kSecondMs, [](void* self) {
        static_cast<ApiRole*>(static_cast<sdk::Service*>(self))->refreshDomainKeys();
    });
}

void ApiRole::every(std::uint64_t first_ms, std::uint64_t interval_ms, void (*f)(void* self)) {
    std::uint64_t timer = 0;
    auto* const self = static_cast<sdk::Service*>(this);
    if (host.timers().start(host.raw(), first_ms, interval_ms, f, self, &timer) != PSN_OK)
        throw std::runtime_error("no timer to be had");
}

wsapi::Api& ApiRole::makeApi() {
    api_ = std::make_unique<wsapi::Api>(wsapi::Api::Options{
        writes_database_, &parts_->sessions, &parts_->classes, &parts_->checker,
        settings_.open_roles, wsapi::RoleParts::epochOf(store_->reader()),
        [this] { return host.wallMs(); },
        [this](std::string_view op, std::string_view why) {
            host.warn("call " + std::string(op) + " refused: " + std::string(why));
        },
        [this](const wsapi::Request& request) { events_.tooBusy(request); }});
    return *api_;
}

void ApiRole::ready() const {
    if (const auto missing = api_->missing(); !missing.empty())
        throw std::logic_error("no handler for " + missing.front());
}

void ApiRole::deactivate() {
    api_.reset();
    store_.reset();
    parts_.reset();
}

std::string ApiRole::health(bool /*deep*/) {
    const auto pong = store_->reader().ping();
    return pong ? "" : "database: " + pong.error();
}

/// [control] Keys change at a rotation; a file that cannot be read leaves those that were.
void ApiRole::refreshDomainKeys() {
    const auto read = parts_->domain_keys.refresh();
    if (key_fault_.isNew(read ? "" : read.error())) host.error(read.error());
}

}  // namespace persona::plugins
