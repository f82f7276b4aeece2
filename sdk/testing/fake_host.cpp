#include "fake_host.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

namespace persona::testing {

namespace {

constexpr std::size_t kWorkers = 2, kQueue = 1024;
thread_local bool on_worker = false;

std::string_view view(psn_str s) {
    return {s.p, s.n};
}

}  // namespace

/// The functions behind the extension tables; a friend of FakeHost.
struct Tables {
    static std::uint32_t logEnabled(const psn_host*, std::uint32_t) { return 1; }
    static void logWrite(const psn_host* h, std::uint32_t level, psn_str, psn_str message) {
        static constexpr const char* kNames[] = {"trace", "debug", "info", "warn", "error"};
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        f.log.push_back(std::string(kNames[level < 5 ? level : 4]) + " " +
                        std::string(view(message)));
    }

    static std::int64_t wall(const psn_host* h) {
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        return f.wall_ms;
    }
    static std::int64_t monotonic(const psn_host* h) {
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        return f.now_ns;
    }
    /// The same octets in every run: a test must repeat.
    static psn_rc random(const psn_host* h, void* out, std::size_t n) {
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        for (std::size_t i = 0; i < n; ++i) {
            auto& x = f.random_state;
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            static_cast<unsigned char*>(out)[i] = static_cast<unsigned char>(x >> 32);
        }
        return PSN_OK;
    }

    static psn_rc declare(const psn_host* h, std::uint32_t kind, psn_str name, psn_metric** out) {
        const auto n = view(name);
        if (n.empty() || n.size() > 128 || kind < PSN_METRIC_COUNTER || kind > PSN_METRIC_GAUGE)
            return PSN_INVALID;
        for (const char c : n)
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                  c == '-'))
                return PSN_INVALID;
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        auto& m = f.metrics[std::string(n)];
        if (!m) m = std::make_unique<psn_metric>();
        m->kind = kind;
        *out = m.get();
        return PSN_OK;
    }
    static void add(psn_metric* m, std::int64_t n) {
        __atomic_fetch_add(&m->value, n, __ATOMIC_RELAXED);
    }
    static void set(psn_metric* m, std::int64_t n) {
        __atomic_store_n(&m->value, n, __ATOMIC_RELAXED);
    }
    static void observe(psn_metric* m, double) {
        __atomic_fetch_add(&m->observations, 1, __ATOMIC_RELAXED);
    }

    static psn_rc openTable(const psn_host* h, psn_str name, const psn_counter_spec* spec,
                            psn_counter_table** out, psn_err*) {
        if (spec == nullptr || spec->struct_size < sizeof(psn_counter_spec) || name.n == 0)
            return PSN_INVALID;
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        auto& t = f.tables[std::string(view(name))];
        if (!t) {
            t = std::make_unique<psn_counter_table>();
            t->spec = *spec;
        }
        *out = t.get();
        return PSN_OK;
    }
    static void fill(const psn_counter_table& t, const psn_counter_table::Entry& e,
                     std::int64_t now, psn_counter_value* out) {
        if (out == nullptr) return;
        double count = e.current;
        if (t.spec.window_ms != 0) {
            const auto window = static_cast<double>(t.spec.window_ms) * 1e6;
            const auto into = static_cast<double>(now % static_cast<std::int64_t>(window)) / window;
            count += e.previous * (1.0 - into);
        }
        out->count = static_cast<std::uint64_t>(std::llround(std::max(0.0, count)));
        out->flag = e.flag;
        out->age_ms =
            static_cast<std::uint32_t>(std::max<std::int64_t>(0, (now - e.touched_ns) / 1'000'000));
    }
    static void slide(const psn_counter_table& t, psn_counter_table::Entry& e, std::int64_t now) {
        if (t.spec.ttl_ms != 0 &&
            now - e.touched_ns > static_cast<std::int64_t>(t.spec.ttl_ms) * 1'000'000)
            e = {};
        if (t.spec.window_ms == 0) return;
        const auto at = now / (static_cast<std::int64_t>(t.spec.window_ms) * 1'000'000);
        if (at == e.window) return;
        e.previous = at == e.window + 1 ? e.current : 0;
        e.current = 0;
        e.window = at;
    }
    static psn_rc addTo(psn_counter_table* t, psn_str key, std::uint32_t delta, std::int64_t now,
                        psn_counter_value* out) {
        if (key.n == 0 || key.n > 256) return PSN_INVALID;
        const std::lock_guard<std::mutex> lock(t->mutex);
        auto& e = t->entries[std::string(view(key))];
        slide(*t, e, now);
        e.current += delta;
        fill(*t, e, now, out);
        e.touched_ns = now;
        return PSN_OK;
    }
    static psn_rc getFrom(psn_counter_table* t, psn_str key, std::int64_t now,
                          psn_counter_value* out) {
        if (key.n == 0 || key.n > 256) return PSN_INVALID;
        const std::lock_guard<std::mutex> lock(t->mutex);
        const auto it = t->entries.find(view(key));
        if (it == t->entries.end()) return PSN_NOT_FOUND;
        slide(*t, it->second, now);
        fill(*t, it->second, now, out);
        return PSN_OK;
    }
    static psn_rc setFlag(psn_counter_table* t, psn_str key, std::uint32_t flag, std::int64_t now) {
        if (key.n == 0 || key.n > 256) return PSN_INVALID;
        const std::lock_guard<std::mutex> lock(t->mutex);
        auto& e = t->entries[std::string(view(key))];
        e.flag = flag;
        e.touched_ns = now;
        return PSN_OK;
    }
    static psn_rc erase(psn_counter_table* t, psn_str key) {
        const std::lock_guard<std::mutex> lock(t->mutex);
        t->entries.erase(std::string(view(key)));
        return PSN_OK;
    }

    static psn_rc submit(const psn_host* h, psn_str, std::uint64_t, psn_work_fn fn, void* user) {
        if (fn == nullptr) return PSN_INVALID;
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        if (f.queue_.size() >= kQueue) return PSN_FULL;
        f.queue_.push_back({fn, user});
        f.work_ready_.notify_one();
        return PSN_OK;
    }
    static std::uint32_t mayBlock(const psn_host*) { return on_worker ? 1 : 0; }

    static psn_rc startTimer(const psn_host* h, std::uint64_t delay, std::uint64_t period,
                             psn_timer_fn fn, void* user, std::uint64_t* id) {
        if (fn == nullptr || id == nullptr) return PSN_INVALID;
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        if (f.timers_.size() >= 10'000) return PSN_FULL;
        *id = f.next_timer_;
        f.timers_[f.next_timer_++] = {f.now_ns + static_cast<std::int64_t>(delay) * 1'000'000,
                                      period, f.generation_, fn, user};
        return PSN_OK;
    }
    static void cancelTimer(const psn_host* h, std::uint64_t id) {
        auto& f = FakeHost::of(h);
        const std::lock_guard<std::mutex> lock(f.mutex);
        f.timers_.erase(id);
    }

    /// The answer comes from a worker, as it comes from another thread in the real host.
    static psn_rc send(const psn_host* h, const psn_client_request* r, psn_client_fn fn,
                       void* user) {
        if (r == nullptr || fn == nullptr || r->struct_size < sizeof(psn_client_request))
            return PSN_INVALID;
        struct Call {
            psn_client_fn fn;
            void* user;
            bool answered;
            unsigned status;
            std::string body;
        };
        auto call = std::make_unique<Call>(Call{fn, user, false, 0, ""});
        auto& f = FakeHost::of(h);
        {
            const std::lock_guard<std::mutex> lock(f.mutex);
            f.client_requests.push_back(
                std::string(view(r->method)) + " " +
                std::string(view(r->upstream.n != 0 ? r->upstream : r->url)) + " " +
                std::string(view(r->target)));
            if (!f.client_answers.empty()) {
                call->answered = true;
                call->status = f.client_answers.front().first;
                call->body = std::move(f.client_answers.front().second);
                f.client_answers.pop_front();
            }
        }
        const auto rc = submit(
            h, {nullptr, 0}, 0,
            [](void* u, std::uint32_t) {
                const std::unique_ptr<Call> c(static_cast<Call*>(u));
                const psn_client_response answer{
                    sizeof(psn_client_response),     c->status, nullptr, 0, 0,
                    {c->body.data(), c->body.size()}};
                c->fn(c->user, c->answered ? PSN_OK : PSN_UNREACHABLE, &answer, {"", 0});
            },
            call.get());
        if (rc == PSN_OK) (void)call.release();  // freed by the work
        return rc;
    }

    static const void* find(const psn_host*, psn_str id) {
        static const psn_log_api kLog{sizeof(psn_log_api), 0, logEnabled, logWrite};
        static const psn_clock_api kClock{sizeof(psn_clock_api), 0, wall, monotonic, random};
        static const psn_metrics_api kMetrics{
            sizeof(psn_metrics_api), 0, declare, add, set, observe};
        static const psn_counters_api kCounters{
            sizeof(psn_counters_api), 0, openTable, addTo, getFrom, setFlag, erase};
        static const psn_executor_api kExecutor{sizeof(psn_executor_api), 0, submit, mayBlock};
        static const psn_timer_api kTimer{sizeof(psn_timer_api), 0, startTimer, cancelTimer};
        static const psn_http_client_api kClient{sizeof(psn_http_client_api), 0, send};
        static const struct {
            std::string_view id;
            const void* table;
        } kAll[] = {{PSN_LOG_ID, &kLog},
                    {PSN_CLOCK_ID, &kClock},
                    {PSN_METRICS_ID, &kMetrics},
                    {PSN_COUNTERS_ID, &kCounters},
                    {PSN_EXECUTOR_ID, &kExecutor},
                    {PSN_TIMER_ID, &kTimer},
                    {PSN_HTTP_CLIENT_ID, &kClient},
                    {PSN_RATES_ID, ratesApi()},
                    {PSN_STREAM_ID, streamApi()},
                    {PSN_CONFIG_ID, configApi()}};
        for (const auto& e : kAll)
            if (e.id == view(id)) return e.table;
        return nullptr;
    }
};

FakeHost::FakeHost() {
    static constexpr std::string_view kName = "persona-testing", kVersion = "0.1.0";
    host_.struct_size = sizeof host_;
    host_.abi_major = 1;
    host_.abi_minor = 0;
    host_.name = {kName.data(), kName.size()};
    host_.version = {kVersion.data(), kVersion.size()};
    host_.get_extension = Tables::find;
    host_.reserved = this;
    for (std::size_t i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { work(); });
}

FakeHost::~FakeHost() {
    {
        const std::lock_guard<std::mutex> lock(mutex);
        stop_ = true;
    }
    work_ready_.notify_all();
    for (auto& w : workers_) w.join();
}

void FakeHost::work() {
    on_worker = true;
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
        work_ready_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (queue_.empty()) return;
        const auto w = queue_.front();
        queue_.pop_front();
        ++busy_;
        lock.unlock();
        w.fn(w.user, 0);
        lock.lock();
        --busy_;
        work_done_.notify_all();
    }
}

void FakeHost::drainExecutor() {
    std::unique_lock<std::mutex> lock(mutex);
    work_done_.wait(lock, [this] { return queue_.empty() && busy_ == 0; });
}

void FakeHost::cancelTimers() {
    const std::lock_guard<std::mutex> lock(mutex);
    timers_.clear();
}

void FakeHost::cancelTimers(unsigned generation) {
    const std::lock_guard<std::mutex> lock(mutex);
    for (auto it = timers_.begin(); it != timers_.end();)
        it = it->second.generation <= generation ? timers_.erase(it) : std::next(it);
}

unsigned FakeHost::nextGeneration() {
    const std::lock_guard<std::mutex> lock(mutex);
    return ++generation_;
}

std::size_t FakeHost::timers() const {
    const std::lock_guard<std::mutex> lock(mutex);
    return timers_.size();
}

namespace {

/// To a timer's next call within an advance that ends at `end_ns`: one period, or as many as are a
/// ten-thousandth of what is left. A leap of a year is over in no time even with a timer of a
/// second, and its end is seen call by call.
template <typename Timer>
std::int64_t stepOf(const Timer& t, std::int64_t end_ns) {
    const auto period = static_cast<std::int64_t>(t.period_ms) * 1'000'000;
    return std::max<std::int64_t>(1, (end_ns - t.due_ns) / period / 10'000) * period;
}

}  // namespace

void FakeHost::advance(std::int64_t ns) {
    std::unique_lock<std::mutex> lock(mutex);
    const auto end = now_ns + ns;
    const auto start_ns = now_ns, start_wall = wall_ms;
    for (;;) {
        auto next = timers_.end();
        for (auto it = timers_.begin(); it != timers_.end(); ++it)
            if (it->second.due_ns <= end &&
                (next == timers_.end() || it->second.due_ns < next->second.due_ns))
                next = it;
        if (next == timers_.end()) break;
        now_ns = std::max(now_ns, next->second.due_ns);
        wall_ms = start_wall + (now_ns - start_ns) / 1'000'000;
        const Timer t = next->second;
        if (t.period_ms == 0)
            timers_.erase(next);
        else
            next->second.due_ns += stepOf(t, end);
        if (t.period_ms != 0 && t.generation < generation_) continue;
        lock.unlock();
        t.fn(t.user);
        lock.lock();
    }
    now_ns = end;
    wall_ms = start_wall + (end - start_ns) / 1'000'000;
}

std::uint64_t FakeHost::keyOf(std::string_view text) const {
    // FNV-1a: enough to tell the addresses of a test apart; the host's is keyed.
    std::uint64_t h = 0xcbf29ce484222325ULL;
    for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return h == 0 ? 1 : h;
}

}  // namespace persona::testing
