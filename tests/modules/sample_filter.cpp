#include <persona/sdk/filter.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

/// A filter for tests. What it does wrong is chosen by the fields of each request: X-Do (request
/// head), X-Do-Body, X-Do-Response, X-Do-Response-Body. SAMPLE_VERSION tells two builds apart.
#ifndef SAMPLE_VERSION
#define SAMPLE_VERSION "1"
#endif

namespace {

namespace sdk = persona::sdk;
using sdk::FilterStream;
using sdk::Flow;

class Sample final : public sdk::Filter {
  public:
    struct Context {
        std::string body, response;
        int body_calls = 0, response_calls = 0;
        std::int64_t count = 0;
    };
    static std::vector<psn_option> options() {
        return {sdk::option("fail_at", PSN_OPT_ENUM, "none", "step of its life that fails", 0, 0, 0,
                            "none|create|activate|self-check|requests|hang"),
                sdk::option("request_mode", PSN_OPT_ENUM, "none", "body mode", 0, 0, 0,
                            "none|stream|buffer"),
                sdk::option("response_mode", PSN_OPT_ENUM, "none", "body mode", 0, 0, 0,
                            "none|stream|buffer"),
                sdk::option("max", PSN_OPT_SIZE, "64KiB", "bound of both buffers"),
                sdk::option("greed", PSN_OPT_ENUM, "none", "what it asks too much of", 0, 0, 0,
                            "none|slots|tables|metrics|timers"),
                sdk::option("fail_after", PSN_OPT_INT, "0", "fail every request after so many"),
                sdk::option("mark", PSN_OPT_STRING, "", "value of X-Mark in responses")};
    }

    Sample(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          fail_at_(config.str("fail_at")),
          mark_(config.str("mark")),
          fail_after_(config.num("fail_after")),
          created_(host.counter("created")),
          destroyed_(host.counter("destroyed")),
          completed_(host.counter("completed")) {
        if (fail_at_ == "create") throw std::runtime_error("told to fail in create");
        psn_counter_spec spec{sizeof spec, 1024, 0, 0};
        if (host.counters().open(host.raw(), sdk::abi("sample.seen"), &spec, &seen_, nullptr) !=
            PSN_OK)
            throw std::runtime_error("no counter table");
        ask(config.str("greed"));
        created_.add();
    }
    ~Sample() override { destroyed_.add(); }

    void activate() override {
        if (fail_at_ == "activate") throw std::runtime_error("told to fail in activate");
    }
    void selfCheck() override {
        if (fail_at_ == "self-check") throw std::runtime_error("told to fail in self-check");
    }
    psn_filter_body bodies() override {
        const auto mode = [](const std::string& s) {
            return s == "stream"   ? PSN_FILTER_BODY_STREAM
                   : s == "buffer" ? PSN_FILTER_BODY_BUFFER
                                   : PSN_FILTER_BODY_NONE;
        };
        const auto max = static_cast<std::uint64_t>(config.num("max"));
        return {mode(config.str("request_mode")), mode(config.str("response_mode")), max, max};
    }

    Flow onRequestHeaders(Context& c, const FilterStream& s) {
        if (fail_at_ == "requests") throw std::runtime_error("told to fail on requests");
        if (fail_at_ == "hang")
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        const bool rehearsal = s.header("user-agent") == "persona-host rehearsal";
        if (fail_after_ > 0 && !rehearsal && ++requests_ > fail_after_) return Flow::Fail;
        psn_counter_value v{};
        host.counters().add(seen_, sdk::abi("all"), 1, host.monotonicNs(), &v);
        c.count = static_cast<std::int64_t>(v.count);
        s.setHeader("X-Seen-By", "sample " SAMPLE_VERSION);
        return act(s.header("x-do"), s);
    }
    Flow onRequestBody(Context& c, const FilterStream& s, std::string_view chunk, bool end) {
        ++c.body_calls;
        c.body.append(chunk);
        return end ? act(s.header("x-do-body"), s) : Flow::Continue;
    }
    Flow onResponseHeaders(Context& c, const FilterStream& s) {
        s.setResponseHeader("X-Sample", SAMPLE_VERSION);
        s.setResponseHeader("X-Count", std::to_string(c.count));
        s.setResponseHeader("X-Body",
                            std::to_string(c.body.size()) + " in " + std::to_string(c.body_calls));
        if (!mark_.empty()) s.addResponseHeader("X-Mark", mark_);
        return act(s.header("x-do-response"), s);
    }
    Flow onResponseBody(Context& c, const FilterStream& s, std::string_view chunk, bool end) {
        ++c.response_calls;
        c.response.append(chunk);
        if (!end) return Flow::Continue;
        s.setResponseHeader("X-Response", std::to_string(c.response.size()) + " in " +
                                              std::to_string(c.response_calls));
        return act(s.header("x-do-response-body"), s);
    }
    void onComplete(Context&, const FilterStream& s, const psn_summary&) {
        completed_.add();
        // Nothing may come of these any more.
        if (s.reply(200, {}, "late") != PSN_GONE)
            host.error("WRONG: reply in on_complete was taken");
        if (s.pause()) host.error("WRONG: a token in on_complete");
    }

  private:
    /// Whatever `take` gives for "0", "1", ... until it is not PSN_OK, `most` times at most.
    template <typename Take>
    static psn_rc untilRefused(int most, const Take& take) {
        psn_rc rc = PSN_OK;
        for (int i = 0; i < most && rc == PSN_OK; ++i) rc = take(std::to_string(i));
        return rc;
    }
    [[nodiscard]] Flow refused(bool as_it_should) const {
        if (!as_it_should) host.error("WRONG: taken, or refused with another code");
        return Flow::Continue;
    }
    /// For more than there is.
    void ask(const std::string& greed) const {
        char said[256];
        psn_err err{said, sizeof said, 0};
        const auto table = [&](const std::string& name, std::uint32_t slots) {
            const psn_counter_spec spec{sizeof spec, slots, 0, 0};
            psn_counter_table* t = nullptr;
            return host.counters().open(host.raw(), sdk::abi(name), &spec, &t, &err);
        };
        const auto refuse = [&](psn_rc rc, psn_rc expected, const std::string& text) {
            if (rc != expected) host.error("WRONG: code " + std::to_string(rc) + " for " + greed);
            throw std::runtime_error(text);
        };
        const auto whatTheHostSaid = [&](psn_rc rc) {
            refuse(rc, PSN_INVALID, std::string(said, err.len));
        };
        if (greed == "slots") whatTheHostSaid(table("sample.huge", 1U << 25));
        if (greed == "tables")
            whatTheHostSaid(untilRefused(
                10, [&](const std::string& i) { return table("sample." + i, 1U << 24); }));
        const auto* metrics = static_cast<const psn_metrics_api*>(
            host.raw()->get_extension(host.raw(), sdk::abi(PSN_METRICS_ID)));
        const auto taken = [&](const char* what,
                               const std::function<psn_rc(const std::string&)>& take) {
            int n = 0;
            const auto rc = untilRefused(20'000, [&](const std::string& i) {
                ++n;
                return take(i);
            });
            refuse(rc, PSN_FULL, std::to_string(n - 1) + " " + what + " were taken");
        };
        if (greed == "metrics")
            taken("metrics", [&](const std::string& i) {
                psn_metric* m = nullptr;
                const auto name = "m" + i;
                return metrics->declare(host.raw(), PSN_METRIC_GAUGE, sdk::abi(name), &m);
            });
        if (greed == "timers")
            taken("timers", [&](const std::string&) {
                std::uint64_t id = 0;
                return host.timers().start(
                    host.raw(), 3'600'000, 0, [](void*) {}, nullptr, &id);
            });
    }
    void later(std::chrono::milliseconds delay, const std::function<void()>& work) const {
        if (host.submit("", [delay, work](bool) {
                std::this_thread::sleep_for(delay);
                work();
            }) != PSN_OK)
            host.error("WRONG: executor is full");
    }
    void expect(psn_rc rc, psn_rc expected, const std::string& what) const {
        if (rc != expected) host.error("WRONG: " + what + ": code " + std::to_string(rc));
    }
    /// Answers that are none; the pause outlives them all and takes a good one.
    void replyBadly(const psn_stream_api& api, sdk::PauseToken token) const {
        expect(token.reply(200, {{"X-Split", "a\r\nX-B: c"}}, ""), PSN_INVALID, "a split field");
        for (const unsigned status : {0U, 101U, 150U, 600U})
            expect(token.reply(status, {}, ""), PSN_INVALID, "status " + std::to_string(status));
        expect(token.reply(200, sdk::Headers(257, {"X-Many", "x"}), ""), PSN_INVALID, "257 fields");
        const psn_response none{sizeof none, 200, nullptr, 1, 0, {nullptr, 0}};
        expect(api.resume_reply(token.raw(), &none), PSN_INVALID, "a field at NULL");
        expect(api.resume_reply(token.raw(), nullptr), PSN_INVALID, "no answer");
        expect(token.reply(418, {{"X-From", "later"}}, "later"), PSN_OK, "a good one");
    }
    /// Requests that would be two, or none, where they arrive.
    void callBadly() const {
        const auto refuse = [this](const char* what,
                                   const std::function<void(sdk::ClientRequest&)>& change) {
            sdk::ClientRequest q;
            q.upstream = "self";
            q.target = "/echo";
            change(q);
            expect(host.send(q, [](const sdk::ClientResponse&) {}), PSN_INVALID, what);
        };
        const std::string split = " HTTP/1.1\r\nHost: x\r\n\r\nGET /second";
        for (const auto& method : {"GET /" + split, std::string("G T"), std::string("G\nT")})
            refuse("a method", [&](auto& q) { q.method = method; });
        for (const auto& target :
             {"/first" + split, std::string("/a b"), std::string("/a\x7f"), std::string("echo"),
              std::string("http://elsewhere.example/"), std::string()})
            refuse("a target", [&](auto& q) { q.target = target; });
        refuse("a target with url", [&](auto& q) {
            q.upstream.clear();
            q.url = "http://127.0.0.1:1/";
            q.target = "/first" + split;
        });
        for (const auto& field :
             sdk::Headers{{"X-A", "b\r\nX-C: d"}, {"X-A: b\r\nX-C", "d"}, {"", "d"}})
            refuse("a field", [&](auto& q) { q.headers = {field}; });
        refuse("257 fields", [&](auto& q) { q.headers = sdk::Headers(257, {"X-Many", "x"}); });
        const auto* client = static_cast<const psn_http_client_api*>(
            host.raw()->get_extension(host.raw(), sdk::abi(PSN_HTTP_CLIENT_ID)));
        psn_client_request none{};
        none.struct_size = sizeof none;
        none.upstream = sdk::abi("self");
        none.target = sdk::abi("/echo");
        none.header_count = 1;
        const auto ignore = [](void*, psn_rc, const psn_client_response*, psn_str) {};
        expect(client->send(host.raw(), &none, ignore, nullptr), PSN_INVALID, "a field at NULL");
    }
    /// Spans of time that stand for "never".
    void waitForEver() const {
        for (const std::uint64_t ms : {~0ULL, 1ULL << 63, 10'000'000'000'000ULL}) {
            for (const std::string upstream : {"self", "live"}) {
                sdk::ClientRequest q;
                q.upstream = upstream;
                q.target = "/echo";
                q.deadline_ms = ms;
                const auto answer = host.call(q);
                expect(answer.rc, PSN_OK, "a call to " + upstream + ": " + answer.detail);
            }
            std::promise<bool> late;
            expect(host.submit(
                       "", [&late](bool l) { late.set_value(l); }, ms),
                   PSN_OK, "work");
            if (late.get_future().get()) host.error("WRONG: work that may wait for ever was late");
            outlast(ms);
        }
    }
    /// A timer that is far away does not run before one that is near.
    void outlast(std::uint64_t ms) const {
        std::atomic<bool> far_ran{false};
        std::promise<bool> near_ran;
        std::uint64_t far_id = 0, near_id = 0;
        host.timers().start(
            host.raw(), ms, ms, [](void* ran) { *static_cast<std::atomic<bool>*>(ran) = true; },
            &far_ran, &far_id);
        host.timers().start(
            host.raw(), 1, 0,
            [](void* ran) { static_cast<std::promise<bool>*>(ran)->set_value(true); }, &near_ran,
            &near_id);
        near_ran.get_future().get();
        host.timers().cancel(host.raw(), far_id);
        if (far_ran) host.error("WRONG: a timer that is never to run has run");
    }
    /// One deed, by its name.
    Flow act(std::string_view what, const FilterStream& s) const {
        using std::chrono::milliseconds;
        if (what.empty()) return Flow::Continue;
        if (what == "throw") throw std::runtime_error("told to throw");
        if (what == "throw-int") throw 42;
        if (what == "fail") return Flow::Fail;
        if (what == "unknown") return static_cast<Flow>(99);
        if (what == "reply") {
            s.reply(418, {{"X-From", "sample"}}, "by the filter");
            return Flow::Reply;
        }
        if (what == "reply-twice") {
            const auto first = s.reply(418, {}, "first"), second = s.reply(419, {}, "second");
            if (first != PSN_OK || second != PSN_GONE)
                host.error("WRONG: the second reply was taken");
            return Flow::Reply;
        }
        if (what == "reply-and-continue") {
            s.reply(418, {}, "and yet");
            return Flow::Continue;
        }
        if (what == "reply-without") return Flow::Reply;
        if (what == "pause-without") return Flow::Pause;
        if (what == "token-unused") return s.pause() ? Flow::Continue : Flow::Fail;
        if (what == "abort") {
            s.abort();
            return Flow::Continue;
        }
        if (what == "stall") return s.pause() ? Flow::Pause : Flow::Fail;
        if (what == "pause") {
            const auto token = s.pause();
            later(milliseconds(1), [token] { token.resume(); });
            return Flow::Pause;
        }
        if (what == "pause-at-once") {
            s.pause().resume();
            return Flow::Pause;
        }
        if (what == "resume-twice") {
            const auto token = s.pause();
            const auto& h = host;
            later(milliseconds(1), [token, &h] {
                const auto first = token.resume(), second = token.resume();
                if (first != PSN_OK || second != PSN_GONE)
                    h.error("WRONG: the second resume was taken");
            });
            return Flow::Pause;
        }
        if (what == "resume-late") {
            const auto token = s.pause();
            const auto& h = host;
            later(milliseconds(400), [token, &h] {
                if (token.resume() != PSN_GONE) h.error("WRONG: a late resume was taken");
            });
            return Flow::Pause;
        }
        if (what == "resume-unpaused") {
            const auto token = s.pause();
            const auto& h = host;
            // Long after this call's return: before it, a resumption would be in time.
            later(milliseconds(100), [token, &h] {
                if (token.resume() != PSN_GONE) h.error("WRONG: what did not pause was resumed");
            });
            return Flow::Continue;
        }
        if (what == "pause-long") {
            const auto token = s.pause();
            const auto& h = host;
            later(milliseconds(150), [token, &h] {
                h.info(token.resume() == PSN_GONE ? "resumed after all" : "resumed in time");
            });
            return Flow::Pause;
        }
        if (what == "pause-reply") {
            const auto token = s.pause();
            later(milliseconds(1), [token] { token.reply(418, {{"X-From", "later"}}, "later"); });
            return Flow::Pause;
        }
        if (what == "pause-bad-replies") {
            const auto token = s.pause();
            later(milliseconds(1), [this, token, api = &s.api()] { replyBadly(*api, token); });
            return Flow::Pause;
        }
        if (what == "pause-fail") {
            const auto token = s.pause();
            later(milliseconds(1), [token] { token.fail(); });
            return Flow::Pause;
        }
        if (what == "leak") {
            // Reachable, so that only what the host itself forgets is reported as a leak.
            static auto& held = *new std::vector<psn_stream*>;
            held.push_back(s.raw());
            s.api().hold(s.raw());
            return Flow::Continue;
        }
        if (what == "release-too-much") {
            s.api().release(s.raw());
            s.api().release(s.raw());
            return Flow::Continue;
        }
        if (what == "slow") {
            std::this_thread::sleep_for(milliseconds(5));
            return Flow::Continue;
        }
        if (what == "doze") {
            std::this_thread::sleep_for(milliseconds(600));
            return Flow::Continue;
        }
        if (what == "meddle") {
            // All that only a service may do.
            const psn_response r{sizeof r, 200, nullptr, 0, 0, {nullptr, 0}};
            psn_forward f{};
            f.struct_size = sizeof f;
            f.upstream = sdk::abi("self");
            const auto ignore = [](void*, psn_stream*, psn_str, std::uint32_t) -> psn_rc {
                return PSN_OK;
            };
            if (s.api().start(s.raw(), &r, -1, nullptr, nullptr) != PSN_DENIED ||
                s.api().write(s.raw(), sdk::abi("x"), 1) == PSN_OK ||
                s.api().forward(s.raw(), &f) != PSN_DENIED ||
                s.api().read_body(s.raw(), ignore, nullptr) != PSN_DENIED)
                host.error("WRONG: a filter could do what only a service may");
            return Flow::Continue;
        }
        if (what == "large-value")
            return refused(s.setValue("sample.big", std::string(5000, 'x')) == PSN_TOO_LARGE);
        if (what == "many-values")
            return refused(untilRefused(100, [&](const std::string& i) {
                               return s.setValue("sample." + i, "x");
                           }) == PSN_FULL);
        if (what == "many-fields")
            return refused(untilRefused(1000, [&](const std::string& i) {
                               return s.setHeader("X-Many-" + i, "x");
                           }) == PSN_TOO_LARGE);
        if (what == "many-response-fields")
            return refused(untilRefused(1000, [&](const std::string& i) {
                               return s.addResponseHeader("X-Many-" + i, "x");
                           }) == PSN_TOO_LARGE);
        if (what == "long-field")
            return refused(s.setHeader("X-Long", std::string(100'000, 'x')) == PSN_INVALID);
        if (what == "large-answer") {
            sdk::ClientRequest q;
            q.upstream = "self";
            q.max_body = 1ULL << 40;
            return refused(host.send(q, [](const sdk::ClientResponse&) {}) == PSN_TOO_LARGE);
        }
        if (what == "bad-calls") {
            callBadly();
            return Flow::Continue;
        }
        if (what == "for-ever") {
            const auto token = s.pause();
            later(milliseconds(0), [this, token] {
                waitForEver();
                token.resume();
            });
            return Flow::Pause;
        }
        if (what == "not-its-own") {
            std::string error;
            if (s.setValue("other.key", "x") != PSN_DENIED) error += " another's key";
            if (s.setHeader("X-Split", "a\r\nX-B: c") != PSN_INVALID) error += " a split field";
            if (s.reply(200, {{"X-Split", "a\nb"}}, "") != PSN_INVALID) error += " a split reply";
            if (s.reply(99, {}, "") != PSN_INVALID) error += " status 99";
            const auto& api = s.api();
            if (api.respond(s.raw(), nullptr) != PSN_INVALID ||
                api.start(s.raw(), nullptr, -1, nullptr, nullptr) != PSN_INVALID ||
                api.forward(s.raw(), nullptr) != PSN_INVALID)
                error += " an answer or a target at NULL";
            if (!error.empty()) host.error("WRONG: taken:" + error);
            return Flow::Continue;
        }
        if (what == "crash") std::abort();
        if (what == "hang")
            for (;;) std::this_thread::sleep_for(milliseconds(50));
        host.error("WRONG: no such deed");
        return Flow::Fail;
    }

    const std::string fail_at_, mark_;
    const std::int64_t fail_after_;
    std::atomic<std::int64_t> requests_{0};
    const sdk::Metric created_, destroyed_, completed_;
    psn_counter_table* seen_ = nullptr;
};

}  // namespace

PSN_FILTER_PLUGIN(Sample,
                  "{\"id\":\"sample\",\"version\":\"" SAMPLE_VERSION
                  "\",\"vendor\":\"tests\",\"maturity\":\"stable\",\"kinds\":[\"http-filter\"]}")
