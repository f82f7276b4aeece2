#include "libs/mail/locale.h"
#include "plugins/api_role.h"
#include "plugins/dbwriter/mail_options.h"
#include "plugins/dbwriter/operator_commands.h"
#include "plugins/dbwriter/writes.h"

/// The only role that writes to the database; sends the mails (wsapi.md 4).
namespace persona::dbwriter {

class Dbwriter final : public plugins::ApiRole {
  public:
    static std::vector<psn_option> options() {
        return wsapi::optionTable<psn_option>(ownOptions(), sdk::option);
    }

    Dbwriter(const psn_host* h, const psn_config* c) : ApiRole(h, c, "dbwriter") {
        const OperatorPort port{[this]() -> const Writes& { return *writes_; },
                                [this] { return accounts::Maintenance(settings_.database); },
                                [this] { return host.wallMs(); }};
        for (auto& c : accountCommands(port)) command(std::move(c));
        for (auto& c : databaseCommands(port)) command(std::move(c));
        for (auto& c : mailCommands(port)) command(std::move(c));
    }

    void activate() override {
        open([this](const std::string& domain) { sawProvider(domain); });
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
        every(1'000, 1'000, [](void* self) { of(self).showMails(); });
        every(10'000, 60'000, [](void* self) { of(self).purgeLater(); });
    }

    void deactivate() override {
        api_.reset();
        writes_.reset();
        if (sender_) sender_->stop(std::chrono::milliseconds(2'000));
        sender_.reset();
        ApiRole::deactivate();
    }

  private:
    static Dbwriter& of(void* self) {
        return *static_cast<Dbwriter*>(static_cast<sdk::Service*>(self));
    }

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
        auto& api = makeApi();
        addStagingCalls(api, *writes_);
        addCompletingCalls(api, *writes_);
        addAccountCalls(api, *writes_);
        addStepUpCalls(api, *writes_);
        addRoleCalls(api, *writes_);
        ready();
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
};

}  // namespace persona::dbwriter

PSN_SERVICE_PLUGIN(
    persona::dbwriter::Dbwriter,
    R"({"id":"dbwriter","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
