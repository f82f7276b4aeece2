#include <persona/sdk/service.hpp>

#include <mutex>
#include <utility>
#include <vector>

/// A role for tests: answers what it was sent.
namespace {

class Echo final : public persona::sdk::Service {
  public:
    static std::vector<psn_option> options() { return {}; }
    Echo(const psn_host* h, const psn_config* c) : Service(h, c) {
        RouteOptions body;
        body.body = PSN_BODY_BUFFER;
        body.max_body = 4 << 20;
        route("POST", "/echo", "echo", body, [](const persona::sdk::Stream& s) {
            s.respond(200, {{"Content-Type", "text/plain"}, {"X-Request", requestId(s)}}, s.body());
        });
        RouteOptions relay;
        relay.body = PSN_BODY_STREAM;
        relay.match = PSN_MATCH_PREFIX;
        route("", "/relay", "relay", relay, [](const persona::sdk::Stream& s) {
            if (s.forward("self", {}, {}, "/echo") != PSN_OK) s.text(502, "no upstream");
        });
        route("", "/round", "round", relay, [](const persona::sdk::Stream& s) {
            if (s.forward("round") != PSN_OK) s.text(502, "no upstream");
        });
        route("GET", "/patient", "patient", {}, [](const persona::sdk::Stream& s) {
            psn_forward f{};
            f.struct_size = sizeof f;
            f.upstream = persona::sdk::abi("live");
            f.deadline_ms = ~0ULL;
            if (s.api().forward(s.raw(), &f) != PSN_OK) s.text(502, "no upstream");
        });
        route("GET", "/twice", "twice", {}, [](const persona::sdk::Stream& s) {
            s.text(200, "first");
            s.text(200, "second");
        });
        RouteOptions prefix;
        prefix.match = PSN_MATCH_PREFIX;
        route("", "/wake", "wake", prefix, [this](const persona::sdk::Stream& s) {
            const std::lock_guard lock(mutex_);
            for (const auto& one : std::exchange(silent_, {})) one.release();
            s.text(200, "awake");
        });
        route("", "/", "any", prefix, [this](const persona::sdk::Stream& s) {
            // Never answered, and held until somebody asks for /wake: the client goes first.
            if (!s.header("X-Silence").empty()) {
                s.hold();
                const std::lock_guard lock(mutex_);
                silent_.push_back(s);
                return;
            }
            persona::sdk::Headers fields{{"Content-Type", "text/plain"},
                                         {"X-Request", requestId(s)}};
            // As a role tells the filters what became of a call.
            if (const auto outcome = s.header("X-Outcome"); !outcome.empty())
                fields.emplace_back("BID-AA-Outcome", outcome);
            s.respond(200, fields, "echo");
        });
        addCommands();
    }

  private:
    void addCommands() {
        using persona::sdk::CommandCall;
        using persona::sdk::Refusal;
        command({"greet", "", "says hello", 0, 0, false,
                 [](const CommandCall& c) { c.say("hello " + c.from() + "\n"); }});
        command({"greet guest", "NAME [TITLE]", "says hello to a guest", 1, 2, true,
                 [](const CommandCall& c) {
                     if (c.argument(0) == "nobody")
                         throw Refusal("nobody is no guest", PSN_INVALID);
                     if (c.argument(0) == "absent") throw Refusal("is out", PSN_UNREACHABLE);
                     if (c.argument(0) == "rude") throw std::runtime_error("will not be greeted");
                     c.say(c.json() ? "[\"" + c.argument(0) + "\"]\n"
                                    : "hello " + c.argument(1) + c.argument(0) + "\n");
                 }});
    }
    static std::string requestId(const persona::sdk::Stream& s) {
        const auto id = persona::sdk::view(s.request().request_id);
        return id.empty() ? "-" : std::string(id);
    }
    std::mutex mutex_;
    std::vector<persona::sdk::Stream> silent_;
};

}  // namespace

PSN_SERVICE_PLUGIN(
    Echo,
    R"({"id":"echo","version":"1.0","vendor":"tests","maturity":"stable","kinds":["http-service"]})")
