#include <persona/sdk/service.hpp>

#include <list>

#include "libs/wsapi/role_parts.h"
#include "plugins/browserid/reads.h"

/// The role that answers what can be read, signs people in and fetches their certificates
/// (wsapi.md 4). It cannot write to the database: what must be written goes to dbwriter.
namespace persona::browserid {

namespace {

const std::vector<wsapi::OptionRow>& ownOptions() {
    using enum wsapi::OptionRow::Kind;
    static const std::vector<wsapi::OptionRow> kRows{
        {"upstreams.dbwriter", Text, "dbwriter", "upstream of the role that writes"},
        {"upstreams.keysigner", Text, "keysigner", "upstream of the role that signs"},
        {"executors.browserid", Text, "api", "executor of the work that reads"},
        {"executors.passwords", Text, "passwords", "executor of password hashing"},
        {"code_version", Text, "", "told by session_context when set"},
        {"kpi.backend_sample_rate", Text, "0", "share of dialogs that report, 0 to 1"},
        {"kpi.backend_sample_rate_per_agent", Map, "",
         "part of a user agent -> share of its dialogs"},
        {"kpi.send_metrics", Flag, "false", "hand on what dialogs report"},
        {"kpi.metrics_batch_size", Integer, "20", "reports in one request", 1, 1'000},
        {"kpi.backend_db_url", Text, "http://localhost/wsapi/interaction_data",
         "where reports are posted"}};
    return kRows;
}

}  // namespace

class Browserid final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return wsapi::optionTable<psn_option>(ownOptions(), sdk::option);
    }

    Browserid(const psn_host* h, const psn_config* c)
        : Service(h, c),
          settings_(wsapi::readSettings(config)),
          executors_{config.str("executors.browserid"), config.str("executors.passwords"),
                     config.str("executors.strangers")},
          events_([this](wsapi::Events::Level level, std::string_view line) {
              host.log(level == wsapi::Events::Level::Alert  ? PSN_LOG_ERROR
                       : level == wsapi::Events::Level::Warn ? PSN_LOG_WARN
                                                             : PSN_LOG_INFO,
                       line);
          }),
          compare_time_(host.timing("bcrypt.compare_time")) {
        settings_.database.read_only = true;
        wsapi::countWork(settings_, host);
        wsapi::logFailures(settings_, host);
        for (const auto& e : wsapi::endpoints()) {
            if (!wsapi::servedBy(e, false)) continue;
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
    }

    void activate() override {
        wsapi::requireExecutors(host, executors_);
        if (!settings_.cef.host.empty())
            events_.sendTo(wsapi::orThrow(wsapi::CefSyslog::open(settings_.cef)));
        parts_ = std::make_unique<wsapi::RoleParts>(
            settings_,
            wsapi::RolePorts{"browserid", wsapi::transportOver<sdk::ClientRequest>(host, 10'000),
                             [this] { return host.wallMs(); },
                             [this] { return host.monotonicNs() / 1'000'000; },
                             discovery::clientPort<sdk::ClientRequest>(
                                 host, {PSN_OK, PSN_TIMEOUT, PSN_FULL, PSN_CLIENT_ALLOW_PRIVATE}),
                             [this](const std::string& domain) {
                                 later("saw_idp", protocol::Json::object().add("domain", domain));
                             }});
        store_ = wsapi::orThrow(accounts::Store::open(settings_.database));
        std::uint64_t timer = 0;
        if (host.timers().start(
                host.raw(), 1'000, 1'000,
                [](void* self) { static_cast<Browserid*>(self)->refreshDomainKeys(); }, this,
                &timer) != PSN_OK)
            throw std::runtime_error("no timer to be had for the domain's public keys");
        build();
    }

    void deactivate() override {
        api_.reset();
        reads_.reset();
        store_.reset();
        parts_.reset();
    }

    std::string health(bool) override {
        const auto pong = store_->reader().ping();
        return pong ? "" : "database: " + pong.error();
    }

  private:
    void build() {
        std::vector<std::string> algorithms;
        if (settings_.keys.allow_es256) algorithms.emplace_back("ES256");
        algorithms.emplace_back("RS256");
        std::vector<std::pair<std::string, double>> per_agent;
        for (const auto& [agent, rate] : config.items("kpi.backend_sample_rate_per_agent"))
            per_agent.emplace_back(agent, rateOf(rate));
        measurements_ = std::make_unique<Measurements>(
            Measurements::Options{config.flag("kpi.send_metrics"),
                                  static_cast<std::size_t>(config.num("kpi.metrics_batch_size"))},
            [this](std::string form) { postMeasurements(std::move(form)); });
        reads_ = std::make_unique<Reads>(
            Reads{settings_,
                  store_->reader(),
                  parts_->hasher,
                  parts_->sessions,
                  parts_->devices,
                  parts_->roles,
                  parts_->provider,
                  [this](const std::string& domain) { parts_->discovery.forget(domain); },
                  parts_->domain_keys,
                  events_,
                  [this](double ms) { compare_time_.observe(ms); },
                  std::move(algorithms),
                  config.str("upstreams.dbwriter"),
                  config.str("upstreams.keysigner"),
                  config.str("code_version"),
                  rateOf(config.str("kpi.backend_sample_rate")),
                  std::move(per_agent),
                  [this] { return parts_->proof(); },
                  [this](const std::string& op, const protocol::Json& args) { later(op, args); },
                  *measurements_});
        api_ = std::make_unique<wsapi::Api>(wsapi::Api::Options{
            false, &parts_->sessions, &parts_->classes, &parts_->checker, settings_.open_roles,
            wsapi::RoleParts::epochOf(store_->reader()), [this] { return host.wallMs(); },
            [this](std::string_view op, std::string_view why) {
                host.warn("call " + std::string(op) + " refused: " + std::string(why));
            },
            [this](const wsapi::Request& request) { events_.tooBusy(request); }});
        addSessionCalls(*api_, *reads_);
        addLookupCalls(*api_, *reads_);
        addStatusCalls(*api_, *reads_);
        addSignInCalls(*api_, *reads_);
        addCertificateCalls(*api_, *reads_);
        if (const auto missing = api_->missing(); !missing.empty())
            throw std::logic_error("no handler for " + missing.front());
    }

    /// Calls to dbwriter that nobody waits for.
    void later(const std::string& op, const protocol::Json& args) {
        const auto rc = host.submit(executors_.work, [this, op, args](bool) {
            if (!reads_->write(op, args).succeeded()) host.warn("call " + op + " failed");
        });
        if (rc != PSN_OK) host.warn("call " + op + " dropped: executor queue is full");
    }

    static double rateOf(const std::string& text) {
        std::size_t end = 0;
        const double rate = text.empty() ? -1 : std::stod(text, &end);
        if (end != text.size() || !(rate >= 0 && rate <= 1))
            throw std::runtime_error("kpi: expected a share from 0 to 1, got \"" + text + "\"");
        return rate;
    }

    void postMeasurements(std::string form) {
        sdk::ClientRequest r;
        r.url = config.str("kpi.backend_db_url");
        r.method = "POST";
        r.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
        r.body = std::move(form);
        r.flags = PSN_CLIENT_ALLOW_PRIVATE;  // the operator named it
        const auto rc = host.send(r, [this](const sdk::ClientResponse& a) {
            if (a.status != 201) host.warn("measurements were not taken: " + a.detail);
        });
        if (rc != PSN_OK) host.warn("measurements were not sent");
    }

    /// [control] Keys change at a rotation; a file that cannot be read leaves those that were.
    void refreshDomainKeys() {
        if (const auto read = parts_->domain_keys.refresh(); !read) host.error(read.error());
    }

    wsapi::Settings settings_;
    const wsapi::Executors executors_;
    wsapi::Events events_;
    sdk::Metric compare_time_;
    std::list<std::string> paths_;
    std::unique_ptr<wsapi::RoleParts> parts_;
    std::unique_ptr<accounts::Store> store_;
    std::unique_ptr<Measurements> measurements_;
    std::unique_ptr<Reads> reads_;
    std::unique_ptr<wsapi::Api> api_;
};

}  // namespace persona::browserid

PSN_SERVICE_PLUGIN(
    persona::browserid::Browserid,
    R"({"id":"browserid","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
