#include "host/app/host.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "host/app/lockdown.h"

extern char** environ;

namespace persona::host::app {

namespace {

std::string directoryOf(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

std::array<std::uint64_t, 2> randomKey() {
    std::array<std::uint64_t, 2> key{};
    [[maybe_unused]] const auto n = ::getrandom(key.data(), sizeof key, 0);
    return key;
}

class EngineObserver final : public net::EngineObserver {
  public:
    EngineObserver(observe::Log& log, observe::Metrics& metrics) : log_(log), metrics_(metrics) {}
    void count(std::string_view name) override { metrics_.count(name); }
    void log(int level, std::string_view message) override {
        log_.write(static_cast<unsigned>(level), "engine", message);
    }

  private:
    observe::Log& log_;
    observe::Metrics& metrics_;
};

/// /metrics, /generations and /__heartbeat__ on the admin listener.
class Admin final : public net::Dispatcher {
  public:
    using Page = std::function<std::string(std::string_view path, std::string& type)>;
    explicit Admin(Page page) : page_(std::move(page)) {}
    void dispatch(net::ExchangePtr exchange) override {
        class Hooks final : public net::ExchangeHooks {
            void onComplete(const net::Summary&) override {}
        };
        exchange->attach(std::make_unique<Hooks>());
        exchange->discardBody(0);
        const std::string_view target = exchange->request.target;
        net::ResponseHead head;
        std::string type, body = page_(target.substr(0, target.find('?')), type);
        head.status = type.empty() ? 404 : 200;
        head.fields.add("Content-Type", type.empty() ? "text/plain" : type);
        exchange->respond(std::move(head), type.empty() ? "Not Found" : std::move(body));
    }

  private:
    Page page_;
};

std::vector<std::pair<std::string, std::string>> environment() {
    std::vector<std::pair<std::string, std::string>> out;
    for (char** e = environ; *e != nullptr; ++e) {
        const std::string_view pair = *e;
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos)
            out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return out;
}

}  // namespace

class Host::Impl {
  public:
    Impl(std::string f, std::string p) : file(std::move(f)), program(std::move(p)) {}

    config::HostConfig read(config::Document& document) {
        document.applyEnvironment(environment(), config::topLevelKeys());
        return config::readHostConfig(document,
                                      directoryOf(directoryOf(program)) + "/lib/persona/plugins");
    }

    void setUp() {
        log = std::make_unique<observe::Log>(settings.process, settings.log_level,
                                             settings.log_file, settings.log_format);
        counters = std::make_unique<tables::Counters>(randomKey());
        timers = std::make_unique<bridge::Timers>();
        runtime = std::make_unique<bridge::Runtime>(bridge::Runtime{
            *log, metrics, nullptr, *counters, *timers, {}, nullptr, {}, settings.inproc});
        for (const auto& e : settings.executors)
            runtime->executors[e.name] = std::make_unique<bridge::Executor>(e);
        store =
            std::make_unique<module::Store>(settings.state_dir, program, settings.lowest_maturity);
        loader = std::make_unique<bridge::PluginContext>(*runtime, "loader", "browserid.");
    }

    /// Loads every module and reads every option. Problems go to the document.
    void loadPlugins(config::Document& document) {
        std::set<std::string> used;
        for (const auto& s : settings.services) {
            module::Refusal refusal;
            auto image = store->load(bridge::modulePath(settings.plugin_dir, s.module),
                                     loader->host(), refusal);
            if (!image) {
                document.problem(document.root()["services"],
                                 "service '" + s.id + "': " + refusal.text());
                continue;
            }
            const auto* factory = static_cast<const psn_http_service_factory*>(
                image->entry->get_factory({PSN_HTTP_SERVICE_ID, sizeof PSN_HTTP_SERVICE_ID - 1}));
            std::unique_ptr<config::PluginConfig> options;
            if (factory != nullptr)
                options = config::PluginConfig::read(document, factory->options,
                                                     factory->option_count, s.options,
                                                     settings.common, s.path + ".config", used);
            auto service = std::make_shared<bridge::Service>(*runtime, s);
            pending.push_back({service, image, std::move(options)});
            runtime->services[s.id] = service;
        }
        used_common = used;
        if (document.problems().empty()) {
            for (auto& p : pending) {
                if (const auto error = p.service->create(p.image, std::move(p.options));
                    !error.empty())
                    document.problem(document.root()["services"], error);
            }
        }
        if (document.problems().empty()) {
            std::string error;
            chains = buildChains(settings, document, error);
            if (!error.empty()) document.problem(document.root()["services"], error);
        }
        if (document.problems().empty())
            config::finishCommon(document, settings.common, used_common);
        std::vector<std::string> modules;
        for (const auto& i : store->images())
            modules.push_back(i->manifest.id + " " + i->manifest.version + " " +
                              i->hash.substr(0, 16) + " " + i->file);
        setCrashModules(modules);
        if (store->images().size() > module::Store::kWarnImages)
            log->write(3, "modules",
                       std::to_string(store->images().size()) +
                           " plugin images are mapped; 64 is the bound; restart when convenient");
    }

    std::vector<std::shared_ptr<const bridge::Chain>> buildChains(const config::HostConfig& c,
                                                                  config::Document& document,
                                                                  std::string& error) {
        std::vector<std::shared_ptr<const bridge::Chain>> out;
        ++generation;
        for (const auto& s : c.services) {
            out.push_back(bridge::buildChain(*runtime, s, generation, *store, settings.plugin_dir,
                                             document, c.common, used_common, error));
            if (!error.empty()) return {};
        }
        return out;
    }

    std::string page(std::string_view path, std::string& type) {
        if (path == "/__heartbeat__") {
            type = "text/plain";
            return "ok";
        }
        if (path == "/metrics") {
            type = "text/plain; version=0.0.4";
            metrics.declare(3, "engine.connections")
                .value.store(static_cast<std::int64_t>(engine->stats().connections));
            metrics.declare(3, "log.dropped")
                .value.store(static_cast<std::int64_t>(log->dropped()));
            if (access_log)
                metrics.declare(3, "access_log.dropped")
                    .value.store(static_cast<std::int64_t>(access_log->dropped()));
            return metrics.prometheus();
        }
        if (path == "/generations") {
            type = "text/plain; charset=utf-8";
            const std::lock_guard lock(generation_mutex);
            std::string out = "generation " + std::to_string(published) +
                              "\nlast reload: " + (last_error.empty() ? "ok" : last_error) + "\n";
            for (const auto& i : store->images())
                out += "module " + i->manifest.id + " " + i->manifest.version + " sha256 " +
                       i->hash.substr(0, 16) + " " + i->file + "\n";
            return out;
        }
        return "";
    }

    struct Pending {
        std::shared_ptr<bridge::Service> service;
        std::shared_ptr<const module::Image> image;
        std::unique_ptr<config::PluginConfig> options;
    };

    const std::string file, program;
    config::Document document;
    config::HostConfig settings;
    observe::Metrics metrics;
    std::unique_ptr<observe::Log> log;
    std::unique_ptr<observe::AccessLog> access_log;
    std::unique_ptr<tables::Counters> counters;
    std::unique_ptr<bridge::Timers> timers;
    std::unique_ptr<EngineObserver> observer;
    std::unique_ptr<bridge::Runtime> runtime;
    std::unique_ptr<bridge::PluginContext> loader;
    std::unique_ptr<module::Store> store;
    std::unique_ptr<net::Engine> engine;
    std::vector<Pending> pending;
    std::vector<std::shared_ptr<const bridge::Chain>> chains;
    std::set<std::string> used_common;
    std::uint64_t generation = 0;
    std::mutex generation_mutex;
    std::uint64_t published = 0;
    std::string last_error;
    bool started = false;
};

Host::Host(std::string config_file, std::string program)
    : impl_(std::make_unique<Impl>(std::move(config_file), std::move(program))) {}

Host::~Host() {
    if (impl_->started) drainAndStop();
    if (impl_->engine) impl_->engine->stop();
    impl_->chains.clear();
    for (auto& p : impl_->pending) p.service->deactivate();
    if (impl_->runtime) {
        for (auto& [name, e] : impl_->runtime->executors) e->stop();
        if (impl_->timers) impl_->timers->stop();
        impl_->pending.clear();
        impl_->runtime->services.clear();
    }
}

const config::HostConfig& Host::settings() const {
    return impl_->settings;
}

void Host::log(unsigned level, const std::string& message) {
    if (impl_->log) impl_->log->write(level, "host", message);
}

std::vector<std::string> Host::load() {
    impl_->document = config::Document::load(impl_->file);
    impl_->settings = impl_->read(impl_->document);
    if (!impl_->document.problems().empty()) return impl_->document.problems();
    try {
        impl_->setUp();
    } catch (const std::exception& e) {
        return {impl_->file + ": " + e.what()};
    }
    impl_->loadPlugins(impl_->document);
    return impl_->document.problems();
}

std::string Host::describeEffective() const {
    std::string out;
    for (const auto& e : impl_->document.effective())
        out += e.path + ": " +
               (e.secret && !e.value.empty() ? "********"
                : e.value.empty()            ? "\"\""
                                             : e.value) +
               "  # " + e.origin + "\n";
    return out;
}

std::string Host::start() {
    auto& i = *impl_;
    try {
        const bool wants_access_log = std::any_of(i.chains.begin(), i.chains.end(),
                                                  [](const auto& c) { return c->access_log; });
        if (wants_access_log)
            i.access_log = std::make_unique<observe::AccessLog>(i.settings.access_log_file);
    } catch (const std::exception& e) {
        return e.what();
    }
    i.runtime->access_log = i.access_log.get();
    i.observer = std::make_unique<EngineObserver>(*i.log, i.metrics);
    auto settings = i.settings.engine;
    net::Engine::Services services;
    for (const auto& p : i.pending) services[p.service->id()] = p.service;
    if (!i.settings.admin_address.empty()) {
        net::ListenerSettings admin;
        admin.name = "admin";
        admin.address = i.settings.admin_address;
        admin.service = "admin ";  // a name that no service can have
        settings.listeners.push_back(admin);
        services["admin "] = std::make_shared<Admin>(
            [&i](std::string_view path, std::string& type) { return i.page(path, type); });
    }
    i.engine = std::make_unique<net::Engine>(settings, *i.observer);
    i.runtime->engine = i.engine.get();
    for (std::size_t n = 0; n < i.pending.size(); ++n) i.pending[n].service->publish(i.chains[n]);
    for (auto& p : i.pending)
        if (auto error = p.service->activate(); !error.empty()) return error;
    if (i.settings.statsd_enabled)
        if (auto error = i.metrics.startStatsd(i.settings.statsd_address); !error.empty())
            return error;
    if (auto error = i.engine->start(std::move(services)); !error.empty()) return error;
    i.started = true;
    if (i.settings.lockdown) {
        if (auto error = lockDown(); !error.empty()) return error;
        i.log->write(2, "host", "locked down: no new sockets, programs, or executable memory");
    }
    const std::lock_guard lock(i.generation_mutex);
    i.published = i.generation;
    return "";
}

std::string Host::reload() {
    auto& i = *impl_;
    const auto fail = [&](std::string why) {
        const std::lock_guard lock(i.generation_mutex);
        i.last_error = why;
        return why;
    };
    auto document = config::Document::load(i.file);
    const auto fresh = i.read(document);
    if (!document.problems().empty()) return fail(document.problems().front());
    if (fresh.services.size() != i.settings.services.size())
        return fail("services were added or removed: that needs a restart");
    for (std::size_t n = 0; n < fresh.services.size(); ++n)
        if (fresh.services[n].id != i.settings.services[n].id ||
            fresh.services[n].module != i.settings.services[n].module)
            return fail("service '" + fresh.services[n].id +
                        "' is not what it was: that needs a restart");
    std::string error;
    auto chains = i.buildChains(fresh, document, error);
    if (!error.empty()) return fail(error);
    if (error = i.engine->reloadTls(); !error.empty()) return fail(error);
    i.log->setLevel(fresh.log_level);
    for (std::size_t n = 0; n < i.pending.size(); ++n) i.pending[n].service->publish(chains[n]);
    i.chains = std::move(chains);
    const std::lock_guard lock(i.generation_mutex);
    i.published = i.generation;
    i.last_error.clear();
    return "";
}

bool Host::drainAndStop() {
    auto& i = *impl_;
    if (!i.started) return true;
    i.started = false;
    const bool clean = i.engine->drain();
    for (auto& [name, e] : i.runtime->executors) e->stop();
    i.engine->stop();
    i.chains.clear();
    for (auto& p : i.pending) p.service->deactivate();
    i.timers->stop();
    return clean;
}

}  // namespace persona::host::app
