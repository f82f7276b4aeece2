#include "persona/testing/harness.hpp"

#include <dlfcn.h>
#include <persona/abi/plugin.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include "fake_host.h"
#include "fake_stream.h"
#include "options.h"

namespace persona::testing {

namespace {

const psn_plugin_entry& load(const std::string& path, const psn_host* host) {
    void* image = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (image == nullptr) {
        const char* why = ::dlerror();
        throw std::runtime_error(path + ": " + (why == nullptr ? "cannot be loaded" : why));
    }
    using Entry = const psn_plugin_entry* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(image, "psn_plugin_entry_v1"));
    if (entry == nullptr)
        throw std::runtime_error(path +
                                 ": no function psn_plugin_entry_v1; export it with PSN_EXPORT");
    const auto* e = entry();
    if (e == nullptr || e->magic != PSN_ABI_MAGIC)
        throw std::runtime_error(path + ": not a Persona plugin (magic)");
    if (e->abi_major != PSN_ABI_MAJOR || e->abi_minor > PSN_ABI_MINOR)
        throw std::runtime_error(path + ": made for ABI " + std::to_string(e->abi_major) + "." +
                                 std::to_string(e->abi_minor) + ", this SDK has " +
                                 std::to_string(PSN_ABI_MAJOR) + "." +
                                 std::to_string(PSN_ABI_MINOR));
    if (e->struct_size < sizeof(psn_plugin_entry) || e->init == nullptr || e->deinit == nullptr ||
        e->get_factory == nullptr)
        throw std::runtime_error(path + ": the entry table is incomplete");
    char buffer[512];
    psn_err err{buffer, sizeof buffer, 0};
    if (e->init(host, &err) != PSN_OK)
        throw std::runtime_error(path + ": init failed: " + std::string(buffer, err.len));
    return *e;
}

template <typename T>
const T* factory(const psn_plugin_entry& e, std::string_view id, std::size_t least = sizeof(T)) {
    const auto* f = static_cast<const T*>(e.get_factory({id.data(), id.size()}));
    if (f != nullptr && f->struct_size < least)
        throw std::runtime_error("the factory of " + std::string(id) +
                                 " is smaller than its table");
    return f;
}

}  // namespace

class Harness::Impl {
  public:
    FakeHost host;
    Clock clock{host};
    const psn_plugin_entry* entry = nullptr;
    psn_config config;
    const psn_http_filter_factory* filter = nullptr;
    const psn_heuristic_factory* heuristic = nullptr;
    psn_heuristic_factory heuristic_copy{};  ///< of an older one the rest stays empty
    const psn_http_service_factory* service = nullptr;
    psn_instance *instance = nullptr, *standby = nullptr;
    bool active = false;

    template <typename T>
    void make(const T& f, const std::string& options) {
        config = readOptions(options, f.options, f.option_count);
        begin(f);
    }
    template <typename T>
    void begin(const T& f) {
        char buffer[512];
        psn_err err{buffer, sizeof buffer, 0};
        if (f.create(host.host(), &config, &instance, &err) != PSN_OK)
            throw std::runtime_error("create failed: " + std::string(buffer, err.len));
        err.len = 0;
        if (f.activate != nullptr && f.activate(instance, &err) != PSN_OK) {
            const std::string why(buffer, err.len);
            f.destroy(instance);
            instance = nullptr;
            throw std::runtime_error("activate failed: " + why);
        }
        active = true;
    }
    template <typename T>
    void end(const T& f) {
        host.cancelTimers();
        host.drainExecutor();
        if (f.deactivate != nullptr) f.deactivate(instance);
        f.destroy(instance);
    }
    void endStandby() {
        if (standby == nullptr) return;
        host.drainExecutor();
        if (heuristic->deactivate != nullptr) heuristic->deactivate(standby);
        heuristic->destroy(standby);
        standby = nullptr;
    }
    void swap() {
        const auto generation = host.nextGeneration();
        host.cancelTimers(generation - 2);
        endStandby();
        standby = instance;
        instance = nullptr;
        begin(*heuristic);
    }
    void close() {
        if (standby != nullptr) {
            host.cancelTimers();
            endStandby();
        }
        if (instance == nullptr) return;
        if (filter != nullptr)
            end(*filter);
        else if (heuristic != nullptr)
            end(*heuristic);
        else
            end(*service);
        instance = nullptr;
    }
};

Harness::Harness(const std::string& path, const std::string& options)
    : impl_(std::make_unique<Impl>()) {
    auto& i = *impl_;
    i.entry = &load(path, i.host.host());
    i.filter = factory<psn_http_filter_factory>(*i.entry, PSN_HTTP_FILTER_ID);
    if (i.filter == nullptr) {
        constexpr std::size_t kLeast = offsetof(psn_heuristic_factory, routes);
        const auto* f = factory<psn_heuristic_factory>(*i.entry, PSN_HEURISTIC_ID, kLeast);
        if (f != nullptr) {
            std::memcpy(&i.heuristic_copy, f,
                        std::min<std::size_t>(f->struct_size, sizeof i.heuristic_copy));
            i.heuristic = &i.heuristic_copy;
        }
    }
    if (i.filter == nullptr && i.heuristic == nullptr)
        i.service = factory<psn_http_service_factory>(*i.entry, PSN_HTTP_SERVICE_ID);
    if (i.filter != nullptr)
        i.make(*i.filter, options);
    else if (i.heuristic != nullptr)
        i.make(*i.heuristic, options);
    else if (i.service != nullptr)
        i.make(*i.service, options);
    else
        throw std::runtime_error(path + ": offers no kind of plugin that this SDK knows");
}

Harness::~Harness() {
    impl_->close();
}
void Harness::close() {
    impl_->close();
}
void Harness::swap() {
    if (impl_->heuristic == nullptr || impl_->instance == nullptr)
        throw std::logic_error("swap() is for a heuristic that is not closed");
    impl_->swap();
}

Clock& Harness::clock() {
    return impl_->clock;
}

Facts Harness::facts() {
    if (impl_->heuristic == nullptr || impl_->instance == nullptr)
        throw std::logic_error("facts() is for a heuristic that is not closed");
    return {impl_->host, impl_->heuristic, impl_->instance};
}

Running Harness::open(Script script) {
    if (impl_->instance == nullptr || impl_->heuristic != nullptr)
        throw std::logic_error("open() is for a filter or a service that is not closed");
    Running running(
        impl_->filter != nullptr
            ? runFilter(impl_->host, *impl_->filter, impl_->instance, std::move(script))
            : runService(impl_->host, *impl_->service, impl_->instance, std::move(script)));
    running.proceed();
    return running;
}

Outcome Harness::run(Script script) {
    auto running = open(std::move(script));
    if (!running.finish())
        throw std::runtime_error("the plugin kept the request for 10 s without an answer");
    return running.outcome();
}

std::string Harness::kind() const {
    return impl_->filter != nullptr      ? "http-filter"
           : impl_->heuristic != nullptr ? "heuristic"
                                         : "http-service";
}
const psn_plugin_entry& Harness::entry() const {
    return *impl_->entry;
}

std::vector<std::string> Harness::log() const {
    const std::lock_guard<std::mutex> lock(impl_->host.mutex);
    return impl_->host.log;
}

std::int64_t Harness::metric(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(impl_->host.mutex);
    const auto it = impl_->host.metrics.find(name);
    return it == impl_->host.metrics.end() ? 0
                                           : __atomic_load_n(&it->second->value, __ATOMIC_RELAXED);
}

std::uint64_t Harness::counter(std::string_view table, std::string_view key) const {
    psn_counter_table* t = nullptr;
    std::int64_t now = 0;
    {
        const std::lock_guard<std::mutex> lock(impl_->host.mutex);
        const auto it = impl_->host.tables.find(table);
        if (it == impl_->host.tables.end()) return 0;
        t = it->second.get();
        now = impl_->host.now_ns;
    }
    const auto* api = static_cast<const psn_counters_api*>(impl_->host.host()->get_extension(
        impl_->host.host(), {PSN_COUNTERS_ID, sizeof PSN_COUNTERS_ID - 1}));
    psn_counter_value v{};
    return api->get(t, {key.data(), key.size()}, now, &v) == PSN_OK ? v.count : 0;
}

std::string Harness::command(std::string_view words) {
    auto& i = *impl_;
    if (i.heuristic == nullptr || i.instance == nullptr || i.heuristic->command == nullptr)
        return "";
    std::string out;
    const auto rc = i.heuristic->command(
        i.instance, {words.data(), words.size()},
        [](void* user, psn_str json) {
            static_cast<std::string*>(user)->assign(json.n == 0 ? "" : json.p, json.n);
        },
        &out);
    if (rc != PSN_OK && rc != PSN_NOT_FOUND)
        throw std::logic_error("command() returned " + std::to_string(rc));
    return out;
}

void Harness::answerCall(unsigned status, std::string body) {
    const std::lock_guard<std::mutex> lock(impl_->host.mutex);
    impl_->host.client_answers.emplace_back(status, std::move(body));
}

void Clock::advance(std::chrono::nanoseconds by) {
    host_->advance(by.count());
}
void Clock::setWall(std::int64_t ms) {
    const std::lock_guard<std::mutex> lock(host_->mutex);
    host_->wall_ms = ms;
}
std::int64_t Clock::monotonicNs() const {
    const std::lock_guard<std::mutex> lock(host_->mutex);
    return host_->now_ns;
}

Running::Running(std::shared_ptr<StreamRun> run) : run_(std::move(run)) {}
Running::~Running() {
    if (run_) run_->cancel();
}
Running::Running(Running&&) noexcept = default;
Running& Running::operator=(Running&&) noexcept = default;
void Running::proceed() {
    run_->proceed();
}
bool Running::finish(std::chrono::milliseconds limit) {
    return run_->finish(limit);
}
bool Running::isPaused() const {
    return run_->isPaused();
}
void Running::cancel() {
    run_->cancel();
}
void Running::passPauseDeadline(bool allow) {
    run_->passPauseDeadline(allow);
    run_->proceed();
}
const Outcome& Running::outcome() const {
    return run_->outcome();
}

}  // namespace persona::testing
