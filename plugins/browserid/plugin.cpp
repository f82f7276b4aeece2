#include "plugins/api_role.h"
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

class Browserid final : public plugins::ApiRole {
  public:
    static std::vector<psn_option> options() {
        return wsapi::optionTable<psn_option>(ownOptions(), sdk::option);
    }

    Browserid(const psn_host* h, const psn_config* c)
        : ApiRole(h, c, "browserid"), compare_time_(host.timing("bcrypt.compare_time")) {}

    void activate() override {
        open([this](const std::string& domain) {
            later("saw_idp", protocol::Json::object().add("domain", domain));
        });
        build();
    }

    void deactivate() override {
        api_.reset();
        reads_.reset();
        ApiRole::deactivate();
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
        auto& api = makeApi();
        addSessionCalls(api, *reads_);
        addLookupCalls(api, *reads_);
        addStatusCalls(api, *reads_);
        addSignInCalls(api, *reads_);
        addCertificateCalls(api, *reads_);
        ready();
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

    sdk::Metric compare_time_;
    std::unique_ptr<Measurements> measurements_;
    std::unique_ptr<Reads> reads_;
};

}  // namespace persona::browserid

PSN_SERVICE_PLUGIN(
    persona::browserid::Browserid,
    R"({"id":"browserid","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
