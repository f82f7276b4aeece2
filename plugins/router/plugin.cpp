#include <persona/sdk/service.hpp>

#include <array>

#include "libs/wsapi/form.h"
#include "plugins/router/routes.h"

/// The front door: chooses the role for each request and hands it over (wsapi.md section 2).
namespace persona::router {

class Router final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service, such as https://login.example", PSN_OPT_REQUIRED),
            sdk::option("public_verifier_url", PSN_OPT_STRING, "",
                        "origin of the verifier when it has a host name of its own"),
            sdk::option("upstreams.browserid", PSN_OPT_STRING, "browserid",
                        "upstream of the API that reads"),
            sdk::option("upstreams.dbwriter", PSN_OPT_STRING, "dbwriter",
                        "upstream of the API that writes"),
            sdk::option("upstreams.verifier", PSN_OPT_STRING, "verifier",
                        "upstream of the verifier"),
            sdk::option("upstreams.static", PSN_OPT_STRING, "static",
                        "upstream of everything else")};
    }

    Router(const psn_host* h, const psn_config* c)
        : Service(h, c),
          browserid_(config.str("upstreams.browserid")),
          dbwriter_(config.str("upstreams.dbwriter")),
          verifier_(config.str("upstreams.verifier")),
          static_(config.str("upstreams.static")) {
        if (wsapi::hostOf(config.str("public_url")).empty())
            throw std::runtime_error(
                "public_url: expected an origin such as https://login.example");
        const auto own = config.str("public_verifier_url");
        if (!own.empty() && own != config.str("public_url")) verifier_host_ = authorityOf(own);
        for (const auto& call : wsapi::endpoints())
            counters_.push_back(host.counter("wsapi." + std::string(call.name)));
        RouteOptions relay;
        relay.match = PSN_MATCH_PREFIX;
        relay.body = PSN_BODY_STREAM;
        relay.max_body = 10'240;
        route("", "/", "relay", relay, [this](const sdk::Stream& s) { handle(s); });
        route("OPTIONS", "*", "options", {},
              [](const sdk::Stream& s) { s.text(404, "Not Found"); });
    }

  private:
    static std::string authorityOf(std::string_view url) {
        const auto scheme = url.find("://");
        const auto rest = url.substr(scheme == std::string_view::npos ? 0 : scheme + 3);
        return std::string(rest.substr(0, rest.find('/')));
    }

    void handle(const sdk::Stream& s) const {
        const auto path = s.path();
        if (path == "/verify" || path == "/v2" ||
            (!verifier_host_.empty() && sdk::view(s.request().authority) == verifier_host_))
            return relay(s, verifier_);
        const auto choice = choose(s.method(), path);
        if (choice.call != nullptr)
            counters_[static_cast<std::size_t>(choice.call - wsapi::endpoints().data())].add();
        switch (choice.kind) {
            case Choice::Static:
                return relay(s, static_);
            case Choice::Unknown:
                s.text(400, "Bad Request: no such api");
                return;
            case Choice::Internal:
                s.text(404, "Not Found");
                return;
            case Choice::Read:
                return relay(s, browserid_);
            case Choice::Write:
                return relay(s, dbwriter_);
        }
    }

    /// What looks like our own word between roles does not come from a client.
    void relay(const sdk::Stream& s, const std::string& upstream) const {
        static const std::vector<std::string_view> kStripped{
            "X-Persona-Role", "X-Persona-Time", "X-Persona-Nonce", "X-Persona-Signature",
            "X-Real-IP",      "X-Request-Id",   "BID-AA-Outcome",  "BID-AA-Cost-Us"};
        if (s.forward(upstream, {}, kStripped) != PSN_OK)
            s.text(502, "Bad Gateway: the service is not available");
    }
    const std::string browserid_, dbwriter_, verifier_, static_;
    std::string verifier_host_;
    std::vector<sdk::Metric> counters_;
};

}  // namespace persona::router

PSN_SERVICE_PLUGIN(
    persona::router::Router,
    R"({"id":"router","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
