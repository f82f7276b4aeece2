#include <persona/sdk/service.hpp>

namespace sdk = persona::sdk;

/// GET /status: whether the roles behind some upstreams are well. Calls to other roles block, so
/// the route is answered on the executor; a call made from an event loop would be refused.
class StatusPage final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {sdk::option("upstreams", PSN_OPT_LIST, "", "whom to ask", PSN_OPT_REQUIRED),
                sdk::option("deadline", PSN_OPT_DURATION, "2s", "for each of them", 0, 10, 60'000)};
    }

    StatusPage(const psn_host* h, const psn_config* c)
        : Service(h, c),
          upstreams_(config.items("upstreams")),
          deadline_ms_(static_cast<std::uint64_t>(config.num("deadline"))),
          sick_(host.counter("sick")) {
        RouteOptions blocking;
        blocking.blocking = true;
        route("GET", "/status", "status", blocking, [this](const sdk::Stream& s) { answer(s); });
        // persona-host status of UPSTREAM
        command({"status of", "UPSTREAM", "asks one of the upstreams now", 1, 1, /*changes=*/false,
                 [this](const sdk::CommandCall& call) {
                     const auto why = ask(call.argument(0));
                     if (!why.empty())
                         throw sdk::Refusal(call.argument(0) + ": " + why, PSN_UNREACHABLE);
                     call.say(call.json() ? "{\"well\":true}\n" : "well\n");
                 }});
    }

    /// The host's /__heartbeat__?deep asks this.
    std::string health(bool deep) override {
        for (const auto& [unused, name] : upstreams_)
            if (const auto why = deep ? ask(name) : ""; !why.empty()) return name + ": " + why;
        return {};
    }

  private:
    void answer(const sdk::Stream& stream) const {
        std::string lines;
        bool well = true;
        for (const auto& [unused, name] : upstreams_) {
            const auto why = ask(name);
            well = well && why.empty();
            lines += name + ": " + (why.empty() ? "well" : why) + "\n";
        }
        if (!well) sick_.add();
        stream.respond(
            well ? 200 : 503,
            {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}}, lines);
    }

    /// [executor] Empty: it is well.
    [[nodiscard]] std::string ask(const std::string& upstream) const {
        sdk::ClientRequest request;
        request.upstream = upstream;
        request.target = "/__heartbeat__";
        request.deadline_ms = deadline_ms_;
        const auto response = host.call(request);
        if (response.rc != PSN_OK) return "does not answer: " + response.detail;
        return response.status == 200 ? "" : "status " + std::to_string(response.status);
    }

    const std::vector<std::pair<std::string, std::string>> upstreams_;
    const std::uint64_t deadline_ms_;
    const sdk::Metric sick_;
};

PSN_SERVICE_PLUGIN(
    StatusPage,
    R"({"id":"status-page","version":"1.0.0","vendor":"Persona","maturity":"stable","kinds":["http-service"]})")
