#include "host/generation/rehearsal.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "host/bridge/memory_exchange.h"
#include "host/net/reactor.h"

namespace persona::host::generation {

namespace {

/// A loop without sockets, on the thread that calls run().
class QuietLoop final : public net::Loop {
  public:
    explicit QuietLoop(unsigned index) : index_(index), thread_(std::this_thread::get_id()) {}
    void post(std::function<void()> task) override {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
        ready_.notify_one();
    }
    [[nodiscard]] bool isCurrent() const override { return std::this_thread::get_id() == thread_; }
    [[nodiscard]] unsigned index() const override { return index_; }
    std::function<void()> after(net::milliseconds delay, std::function<void()> task) override {
        auto shared = std::make_shared<std::function<void()>>(std::move(task));
        timers_.emplace(net::monotonicNs() + delay.count() * 1'000'000, shared);
        return [weak = std::weak_ptr(shared)] {
            if (const auto t = weak.lock()) *t = nullptr;
        };
    }
    /// Until `done`, or until `until_ns`.
    void run(const std::function<bool()>& done, std::int64_t until_ns) {
        while (!done() && net::monotonicNs() < until_ns) {
            std::deque<std::function<void()>> tasks;
            {
                std::unique_lock lock(mutex_);
                const auto next = timers_.empty() ? until_ns : timers_.begin()->first;
                const auto wait = std::chrono::nanoseconds(
                    std::max<std::int64_t>(0, std::min(next, until_ns) - net::monotonicNs()));
                ready_.wait_for(lock, wait, [this] { return !tasks_.empty(); });
                tasks.swap(tasks_);
            }
            for (auto& t : tasks) t();
            while (!timers_.empty() && timers_.begin()->first <= net::monotonicNs()) {
                const auto t = timers_.begin()->second;
                timers_.erase(timers_.begin());
                if (*t) (*t)();
            }
        }
        flush();
    }
    /// Runs what is left, so that nothing keeps a stream.
    void flush() {
        for (int i = 0; i < 16; ++i) {
            std::deque<std::function<void()>> tasks;
            {
                const std::lock_guard lock(mutex_);
                tasks.swap(tasks_);
            }
            if (tasks.empty()) break;
            for (auto& t : tasks) t();
        }
        timers_.clear();
    }

  private:
    const unsigned index_;
    const std::thread::id thread_;
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::function<void()>> tasks_;
    std::multimap<std::int64_t, std::shared_ptr<std::function<void()>>> timers_;
};

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
    [[nodiscard]] bool isDone() const { return isGone(); }

  private:
    void done(net::ClientResult&&) override {}
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

std::string run(const Work& work) {
    bridge::in_shadow = true;
    QuietLoop loop(work.loop_index);
    const auto& generation = work.generation;
    const auto before = generation->counts();
    for (const auto& [id, service, chain] : work.parts) {
        for (auto& request : recordedRequests()) {
            const std::string shown = request.method + " " + request.target;
            auto* pin = new bridge::Pin(*chain, generation, work.loop_index);
            auto exchange = std::make_shared<RehearsalExchange>(loop, std::move(request));
            service->attach(exchange, pin);
            loop.run([&] { return exchange->isDone(); }, work.until_ns);
            const bool done = exchange->isDone();
            if (!done) exchange->abort();
            loop.flush();
            pin->retire();
            if (!done) return "rehearsal of service '" + id + "': " + shown + " had no answer";
            if (generation->counts().faults != before.faults)
                return "rehearsal of service '" + id + "': a filter failed on " + shown +
                       "; the log says which";
        }
    }
    return "";
}

}  // namespace

Rehearsal rehearse(bridge::Runtime& runtime, const std::shared_ptr<Generation>& generation,
                   std::int64_t deadline_ms) {
    const auto until = net::monotonicNs() + deadline_ms * 1'000'000;
    auto promise = std::make_shared<std::promise<std::string>>();
    auto answer = promise->get_future();
    Work work{generation, {}, runtime.engine_loops, until};
    for (const auto& [id, chain] : generation->chains())
        work.parts.push_back({id, runtime.services.at(id), chain.get()});
    std::thread thread([work = std::move(work), promise] {
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

}  // namespace persona::host::generation
