#include <persona/sdk/service.hpp>

#include <list>

#include "libs/mail/locale.h"
#include "libs/wsapi/role_parts.h"
#include "plugins/dbwriter/mail_options.h"
#include "plugins/dbwriter/operator_commands.h"
#include "plugins/dbwriter/writes.h"

/// The only role that writes to the database; sends the mails (wsapi.md 4).
namespace persona::dbwriter {

class Dbwriter final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return wsapi::optionTable<psn_option>(ownOptions(), sdk::option);
    }

    Dbwriter(const psn_host* h, const psn_config* c)
        : Service(h, c),
          settings_(wsapi::readSettings(config)),
          executors_{config.str("executors.dbwriter"), config.str("executors.passwords"),
                     config.str("executors.strangers")},
          events_([this](wsapi::Events::Level level, std::string_view line) {
              host.log(level == wsapi::Events::Level::Alert  ? PSN_LOG_ERROR
                       : level == wsapi::Events::Level::Warn ? PSN_LOG_WARN
                                                             : PSN_LOG_INFO,
                       line);
          }) {
        wsapi::countWork(settings_, host);
        wsapi::logFailures(settings_, host);
        for (const auto& e : wsapi::endpoints()) {
            if (!wsapi::servedBy(e, true)) continue;
            paths_.push_back("/wsapi/" + std::string(e.name));
            const auto counted = host.counter("wsapi." + std::string(e.name));
            RouteOptions o;
            o.body = PSN_BODY_BUFFER;
            o.max_body = 10'240;
            route(e.method, paths_.back(), e.name, o, [this, &e, counted](const sdk::Stream& s) {
                counted.add();
                wsapi::serve(*api_, host, executors_, s, e.name);
            });
        }
        RouteOptions others;
        others.match = PSN_MATCH_PREFIX;
        route("", "/wsapi", "no_such_api", others,
              [](const sdk::Stream& s) { wsapi::send(s, wsapi::refusal(400, "no such api")); });
        const OperatorPort port{[this]() -> const Writes& { return *writes_; },
                                [this] { return accounts::Maintenance(settings_.database); },
                                [this] { return host.wallMs(); }};
        for (auto& c : accountCommands(port)) command(std::move(c));
        for (auto& c : databaseCommands(port)) command(std::move(c));
        for (auto& c : mailCommands(port)) command(std::move(c));
    }

    void activate() override {
        wsapi::requireExecutors(host, executors_);
        if (!settings_.cef.host.empty())
            events_.sendTo(wsapi::orThrow(wsapi::CefSyslog::open(settings_.cef)));
        store_ = wsapi::orThrow(accounts::Store::open(settings_.database));
        parts_ = std::make_unique<wsapi::RoleParts>(
            settings_,
            wsapi::RolePorts{"dbwriter", wsapi::transportOver<sdk::ClientRequest>(host, 10'000),
                             [this] { return host.wallMs(); },
                             [this] { return host.monotonicNs() / 1'000'000; },
                             discovery::clientPort<sdk::ClientRequest>(
                                 host, {PSN_OK, PSN_TIMEOUT, PSN_FULL, PSN_CLIENT_ALLOW_PRIVATE}),
                             [this](const std::string& domain) { sawProvider(domain); }});
        mail::Environment environment;
        environment.log = [this](mail::Level level, const std::string& text) {
            host.log(level == mail::Level::Error     ? PSN_LOG_ERROR
                     : level == mail::Level::Warning ? PSN_LOG_WARN
                     : level == mail::Level::Info    ? PSN_LOG_INFO
                                                     : PSN_LOG_DEBUG,
                     text);
        };
        environment.now_ms = [this] { return host.wallMs(); };
        environment.random = [this](std::size_t n) { return host.random(n); };
        sender_ = wsapi::orThrow(
            mail::makeSender(readMailOptions(config, settings_.public_url), environment));
        build();
        std::uint64_t timer = 0;
        host.timers().start(
            host.raw(), 1'000, 1'000,
            [](void* self) { static_cast<Dbwriter*>(self)->refreshDomainKeys(); }, this, &timer);
        host.timers().start(
            host.raw(), 1'000, 1'000, [](void* self) { static_cast<Dbwriter*>(self)->showMails(); },
            this, &timer);
        host.timers().start(
            host.raw(), 10'000, 60'000,
            [](void* self) { static_cast<Dbwriter*>(self)->purgeLater(); }, this, &timer);
    }

    void deactivate() override {
        api_.reset();
        writes_.reset();
        if (sender_) sender_->stop(std::chrono::milliseconds(2'000));
        sender_.reset();
        store_.reset();
        parts_.reset();
    }

    std::string health(bool) override {
        const auto pong = store_->reader().ping();
        return pong ? "" : "database: " + pong.error();
    }

  private:
    void build() {
        std::vector<std::string> languages;
        for (const auto& [k, v] : config.items("supported_languages")) languages.push_back(v);
        if (languages.empty()) languages = mail::locales();
        accounts::StageLimits limits, reset_limits;
        limits.min_interval_ms = reset_limits.min_interval_ms =
            config.num("min_time_between_emails");
        limits.daily_cap = reset_limits.daily_cap = static_cast<int>(config.num("mail.daily_cap"));
        limits.lifetime_ms = config.num("staged_lifetime");
        reset_limits.lifetime_ms = config.num("reset_lifetime");
        writes_ = std::make_unique<Writes>(
            Writes{settings_, store_->reader(), *store_->writer(), parts_->hasher, parts_->sessions,
                   parts_->devices, *sender_, parts_->provider,
                   [this](const std::string& domain) { parts_->discovery.forget(domain); }, events_,
                   limits, reset_limits, std::move(languages), config.str("default_lang"),
                   [this] { return parts_->proof(); },
                   [this](std::string_view text) { host.warn(text); }});
        api_ = std::make_unique<wsapi::Api>(wsapi::Api::Options{
            true, &parts_->sessions, &parts_->classes, &parts_->checker, settings_.open_roles,
            wsapi::RoleParts::epochOf(store_->reader()), [this] { return host.wallMs(); },
            [this](std::string_view op, std::string_view why) {
                host.warn("call " + std::string(op) + " refused: " + std::string(why));
            },
            [this](const wsapi::Request& request) { events_.tooBusy(request); }});
        addStagingCalls(*api_, *writes_);
        addCompletingCalls(*api_, *writes_);
        addAccountCalls(*api_, *writes_);
        addStepUpCalls(*api_, *writes_);
        addRoleCalls(*api_, *writes_);
        if (const auto missing = api_->missing(); !missing.empty())
            throw std::logic_error("no handler for " + missing.front());
    }

    void refreshDomainKeys() {
        if (const auto read = parts_->domain_keys.refresh(); !read) host.error(read.error());
    }

    /// A provider that this role has met itself.
    void sawProvider(const std::string& domain) {
        host.submit(executors_.work, [this, domain](bool) {
            if (const auto done = store_->writer()->sawIdp(domain, host.wallMs()); !done)
                host.warn("saw_idp: " + done.error());
        });
    }

    /// Deletes what has expired, in small batches, as long as there is some (W17).
    void purgeLater() {
        host.submit(executors_.work, [this](bool late) {
            if (late) return;
            const auto gone = store_->writer()->purge(host.wallMs());
            if (!gone)
                host.warn("purge of expired rows: " + gone.error());
            else if (*gone > 0)
                purgeLater();
        });
    }

    wsapi::Settings settings_;
    const wsapi::Executors executors_;
    wsapi::Events events_;
    std::list<std::string> paths_;
    std::unique_ptr<wsapi::RoleParts> parts_;
    std::unique_ptr<accounts::Store> store_;
    void showMails() {
        const auto counts = sender_->counts();
        mails_queued_.set(static_cast<std::int64_t>(counts.queued));
        mails_delivered_.set(static_cast<std::int64_t>(counts.delivered));
        mails_retried_.set(static_cast<std::int64_t>(counts.retried));
        mails_dead_.set(static_cast<std::int64_t>(counts.dead));
    }

    sdk::Metric mails_queued_ = host.gauge("mail.queued"),
                mails_delivered_ = host.gauge("mail.delivered"),
                mails_retried_ = host.gauge("mail.retried"), mails_dead_ = host.gauge("mail.dead");
    std::unique_ptr<mail::Sender> sender_;
    std::unique_ptr<Writes> writes_;
    std::unique_ptr<wsapi::Api> api_;
};

}  // namespace persona::dbwriter

PSN_SERVICE_PLUGIN(
    persona::dbwriter::Dbwriter,
    R"({"id":"dbwriter","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
