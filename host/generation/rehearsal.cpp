#include "host/generation/rehearsal.h"

#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "host/bridge/memory_exchange.h"
#include "host/generation/quiet_loop.h"

namespace persona::host::generation {

/// What a rehearsal works on. It holds all of it itself: where a plugin does not return, its thread
/// outlives the runtime.
struct Work {
    struct Part {
        std::string id;
        std::shared_ptr<bridge::Service> service;
        const bridge::Chain* chain;  ///< the generation's
    };
    std::shared_ptr<Generation> generation;
    std::vector<Part> parts;
    unsigned loop_index = 0;
    std::int64_t until_ns = 0;
};

namespace {

class RehearsalExchange final : public bridge::MemoryExchange {
  public:
    RehearsalExchange(net::Loop& loop, net::ClientRequest&& request)
        : MemoryExchange(loop, std::move(request), net::Origin::Rehearsal) {
        client_address = peer_address = "192.0.2.1";  // an address for documentation (RFC 5737)
    }
    /// No service reads the body; filters that want it in pieces get it here.
    void discardBody(std::uint64_t max) override {
        if (hooks_ && hooks_->filtersRequestBody()) hooks_->onRequestBody(body(), true);
        MemoryExchange::discardBody(max);
    }
    void forward(net::Upstream&, std::uint64_t) override { abort(); }
    [[nodiscard]] unsigned status() const { return status_; }

  private:
    void done(net::ClientResult&& result) override { status_ = result.status; }
    unsigned status_ = 0;
};

std::vector<net::ClientRequest> recordedRequests() {
    const auto make = [](const char* method, const char* target, const char* type,
                         std::string body) {
        net::ClientRequest r;
        r.method = method;
        r.target = target;
        r.fields.add("Host", "rehearsal.invalid");
        r.fields.add("User-Agent", "persona-host rehearsal");
        r.fields.add("Accept", "*/*");
        if (*type != '\0') r.fields.add("Content-Type", type);
        r.body = std::move(body);
        r.max_body = 1 << 20;
        return r;
    };
    std::vector<net::ClientRequest> out;
    out.push_back(make("GET", "/", "", ""));
    out.push_back(make("GET", "/wsapi/session_context", "", ""));
    out.push_back(
        make("POST", "/wsapi/authenticate_user", "application/json",
             R"({"email":"rehearsal@mail.example","pass":"rehearsal","ephemeral":false})"));
    out.push_back(make("POST", "/verify", "application/x-www-form-urlencoded",
                       "assertion=rehearsal&audience=https%3A%2F%2Fsite.example"));
    out.push_back(make("OPTIONS", "/%7Eodd//path?x=%00&y", "", ""));
    return out;
}

/// One request through one new chain. Empty, or what was wrong.
std::string pass(const Work& work, const Work::Part& part, QuietLoop& loop,
                 const std::shared_ptr<RehearsalExchange>& exchange, std::int64_t until_ns) {
    // The query may hold addresses and tokens.
    const auto shown = exchange->request.method + " " +
                       exchange->request.target.substr(0, exchange->request.target.find('?'));
    const auto before = work.generation->counts().faults;
    auto* pin = new bridge::Pin(*part.chain, work.generation, work.loop_index);
    part.service->attach(exchange, pin);
    loop.run([&] { return exchange->isGone(); }, until_ns);
    const bool done = exchange->isGone();
    if (!done) exchange->abort();
    loop.flush();
    pin->retire();
    if (!done) return "service '" + part.id + "': " + shown + " had no answer";
    if (work.generation->counts().faults != before)
        return "service '" + part.id + "': a filter failed on " + shown + "; the log says which";
    return "";
}

std::string run(const Work& work) {
    bridge::in_shadow = true;
    QuietLoop loop(work.loop_index);
    for (const auto& part : work.parts)
        for (auto& request : recordedRequests()) {
            const auto exchange = std::make_shared<RehearsalExchange>(loop, std::move(request));
            if (auto wrong = pass(work, part, loop, exchange, work.until_ns); !wrong.empty())
                return "rehearsal of " + wrong;
        }
    return "";
}

Work workOf(bridge::Runtime& runtime, const std::shared_ptr<Generation>& generation,
            std::int64_t until_ns) {
    Work work{generation, {}, runtime.engine_loops, until_ns};
    for (const auto& [id, chain] : generation->chains())
        work.parts.push_back({id, runtime.services.at(id), chain.get()});
    return work;
}

}  // namespace

Rehearsal rehearse(bridge::Runtime& runtime, const std::shared_ptr<Generation>& generation,
                   std::int64_t deadline_ms) {
    const auto until = net::monotonicNs() + deadline_ms * 1'000'000;
    auto promise = std::make_shared<std::promise<std::string>>();
    auto answer = promise->get_future();
    std::thread thread([work = workOf(runtime, generation, until), promise] {
        std::string error = run(work);
        promise->set_value(std::move(error));
    });
    // A little more than the requests' own bound, so that a slow one is told from a hang.
    if (answer.wait_for(std::chrono::milliseconds(deadline_ms + 500)) !=
        std::future_status::ready) {
        thread.detach();
        return {true, "rehearsal: a plugin did not return within " + std::to_string(deadline_ms) +
                          " ms; it keeps a thread until the process ends"};
    }
    thread.join();
    return {false, answer.get()};
}

// ---- on live traffic ----------------------------------------------------------------------------

Shadow::Shadow(bridge::Runtime& runtime, const std::shared_ptr<Generation>& generation,
               std::int64_t duration_ms, std::int64_t deadline_ms, std::function<void()> done)
    : state_(std::make_shared<State>()) {
    state_->done = std::move(done);
    thread_ = std::thread(
        [state = state_, deadline_ms,
         work = workOf(runtime, generation, net::monotonicNs() + duration_ms * 1'000'000)] {
            watch(*state, work, deadline_ms);
            const std::lock_guard lock(state->mutex);
            state->finished = true;
            if (state->done) state->done();
        });
}

void Shadow::watch(State& state, const Work& work, std::int64_t deadline_ms) {
    bridge::in_shadow = true;
    QuietLoop loop(work.loop_index);
    for (const auto& part : work.parts) part.service->tap().open();
    std::string error;
    while (error.empty() && !state.stop && net::monotonicNs() < work.until_ns) {
        bool idle = true;
        for (const auto& part : work.parts) {
            auto seen = part.service->tap().take();
            if (!seen || !error.empty()) continue;
            idle = false;
            const auto exchange =
                std::make_shared<RehearsalExchange>(loop, std::move(seen->request));
            exchange->scheme = seen->scheme;
            exchange->client_address = seen->client_address;
            exchange->peer_address = seen->peer_address;
            error = pass(work, part, loop, exchange, net::monotonicNs() + deadline_ms * 1'000'000);
            ++state.requests;
            if (exchange->status() >= 400) ++state.refused;
        }
        // Nothing to wait on without a lock in every request; a request a little later is as good.
        if (idle) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    for (const auto& part : work.parts) {
        part.service->tap().close();
        state.skipped += part.service->tap().skipped();
    }
    if (!error.empty()) state.error = "live traffic at " + error;
}

Shadow::~Shadow() {
    if (thread_.joinable()) (void)end(0);
}

Rehearsal Shadow::end(std::int64_t wait_ms) {
    state_->stop = true;
    const auto until = net::monotonicNs() + wait_ms * 1'000'000;
    for (;;) {
        {
            const std::lock_guard lock(state_->mutex);
            state_->done = nullptr;
            if (state_->finished) break;
        }
        if (net::monotonicNs() >= until) {
            thread_.detach();
            return {true,
                    "live traffic: a plugin did not return; it keeps a thread until the "
                    "process ends"};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    thread_.join();
    return {false, state_->error};
}

std::string Shadow::summary() const {
    return "shadowed " + std::to_string(state_->requests.load()) + " live requests (" +
           std::to_string(state_->skipped.load()) +
           " passed over): " + std::to_string(state_->refused.load()) +
           " would have been answered by a filter with 4xx or 5xx";
}

}  // namespace persona::host::generation
