#include "host/app/host.h"

#include <persona/abi/ext/metrics.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <future>
#include <mutex>

#include "host/admin/admin.h"
#include "host/app/lockdown.h"
#include "host/app/surroundings.h"
#include "host/app/upkeep.h"
#include "host/bridge/shared_state.h"
#include "host/bridge/watchdog.h"
#include "host/generation/directory_watch.h"
#include "host/generation/manager.h"
#include "host/module/crash_log.h"
#include "host/net/reactor.h"

namespace persona::host::app {

namespace {
constexpr int kReplaceMs = 60'000;
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
        // Processes may share a state directory: what is written there has the process in its name.
        std::error_code ignored;
        std::filesystem::create_directories(settings.state_dir, ignored);
        upkeep =
            std::make_unique<Upkeep>(*log, metrics, stateFile(""), settings.snapshot_interval_ms);
        timers = std::make_unique<bridge::Timers>();
        // An aggregate that cannot move: std::make_unique has no way to make one.
        runtime = std::unique_ptr<bridge::Runtime>(  // NOLINT(modernize-make-unique)
            new bridge::Runtime{*log, metrics, nullptr, upkeep->tables(), *timers,
                                settings.inproc});
        runtime->engine_loops = settings.engine.loops != 0
                                    ? settings.engine.loops
                                    : std::max(1U, std::thread::hardware_concurrency());
        settings.engine.loops = runtime->engine_loops;
        runtime->thread_check = settings.thread_check;
        for (const auto& e : settings.executors)
            runtime->executors[e.name] = std::make_unique<bridge::Executor>(
                e, &metrics.declare(PSN_METRIC_TIMING, "executor." + e.name + ".queue_delay"));
        store =
            std::make_unique<module::Store>(settings.state_dir, program, settings.lowest_maturity);
        loader = std::make_unique<bridge::PluginContext>(*runtime, "loader", "browserid.");
        module::CrashLog crashes(stateFile("crashes"));
        store->quarantine(crashes.quarantined(::time(nullptr)));
        setCrashLog(crashes.openForCrash());
        manager =
            std::make_unique<generation::Manager>(*runtime, *store, settings.generations,
                                                  settings.plugin_dir, [this] { return again(); });
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
            if (!role_ids.claim(*image, refusal)) {
                document.problem(document.root()["services"],
                                 "service '" + s.id + "': " + refusal.text());
                continue;
            }
            std::string wrong;  // which create() will say, as it will of one without a factory
            const auto* factory = bridge::factoryOf<psn_http_service_factory>(
                *image->entry, PSN_HTTP_SERVICE_ID, wrong);
            std::unique_ptr<config::PluginConfig> options;
            if (factory != nullptr)
                options = config::PluginConfig::read(document, factory->options,
                                                     factory->option_count, s.options,
                                                     settings.common, s.path + ".config", used);
            auto service = std::make_shared<bridge::Service>(*runtime, s);
            pending.push_back({service, image, std::move(options)});
            runtime->services[s.id] = service;
        }
        if (document.problems().empty()) {
            for (auto& p : pending) {
                if (const auto error = p.service->create(p.image, std::move(p.options));
                    !error.empty())
                    document.problem(document.root()["services"], error);
            }
        }
        // Before the first plugin opens a table.
        if (document.problems().empty()) {
            bridge::BuildContext context{
                *runtime, *store, role_ids, document, settings.common, used, settings.plugin_dir,
                {},       nullptr};
            shared = sharedStateOf(settings, context);
        }
        if (document.problems().empty()) {
            const auto error = manager->begin(document, settings, used, role_ids);
            if (!error.empty() && document.problems().empty())
                document.problem(document.root()["services"], error);
        }
        if (document.problems().empty()) config::finishCommon(document, settings.common, used);
        tellCrashHandler();
    }

    void tellCrashHandler() {
        std::vector<std::string> modules;
        for (const auto& i : store->images())
            modules.push_back(i->manifest.id + " " + i->manifest.version + " " +
                              i->hash.substr(0, 16) + " " + i->file);
        setCrashModules(modules);
        if (store->mapped() > module::Store::kWarnImages)
            log->write(3, "modules",
                       std::to_string(store->mapped()) + " plugin images are mapped; " +
                           std::to_string(module::Store::kMaxImages) +
                           " is the bound; restart when convenient");
    }

    /// The file as it is now, for a reload: roles and all that they stand on must be the same.
    generation::Manager::Fresh again() {
        generation::Manager::Fresh f;
        f.document = config::Document::load(file);
        f.config = read(f.document);
        const auto refuse = [&](std::string why) {
            f.error = std::move(why);
            return std::move(f);
        };
        if (!f.document.problems().empty()) return refuse(f.document.problems().front());
        if (auto error = otherServices(f.config, settings); !error.empty()) return refuse(error);
        std::string error;
        auto install_tls = engine->readTls(error);
        if (!install_tls) return refuse(error);
        f.notes = changedSinceStart(f.document.root(), document.root());
        f.apply = [this, level = f.config.log_level, install_tls = std::move(install_tls)] {
            install_tls();
            log->setLevel(level);
            tellCrashHandler();
        };
        return f;
    }

    std::string page() {
        metrics.declare(PSN_METRIC_GAUGE, "engine.connections")
            .value.store(static_cast<std::int64_t>(engine->stats().connections));
        metrics.declare(PSN_METRIC_GAUGE, "log.dropped")
            .value.store(static_cast<std::int64_t>(log->dropped()));
        return metrics.prometheus();
    }

    /// The listeners of the admin side, under names that no service can have.
    void addAdmin(net::EngineSettings& engine_settings, net::Engine::Services& services) {
        const auto add = [&](const char* name, const std::string& address, bool may_change) {
            if (address.empty()) return;
            net::ListenerSettings l;
            l.name = name;
            l.address = address;
            l.service = std::string(name) + " ";
            l.unix_mode = static_cast<std::uint32_t>(settings.admin_socket_mode);
            engine_settings.listeners.push_back(l);
            services[l.service] = std::make_shared<admin::Admin>(
                admin::Port{*runtime, *manager, *store,
                            [this](std::function<void()> task) { timers->post(std::move(task)); },
                            [this] { return page(); },
                            [this](admin::Replaced done) { askToReplace(std::move(done)); }},
                may_change);
        };
        add("admin", settings.admin_address, false);
        if (!settings.admin_socket.empty()) {
            const auto path = absolute(settings.admin_socket);
            std::error_code ignored;  // where it matters, bind() says the same with the path
            std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
            add("control", "unix:" + path, true);
        }
    }
    /// The process is replaced by the thread that owns it, which waits for signals. [any]
    void askToReplace(admin::Replaced done) {
        {
            const std::lock_guard lock(replace_mutex);
            replace_asked.push_back(std::move(done));
        }
        ::kill(::getpid(), SIGUSR2);
    }
    static std::string absolute(const std::string& path) {
        return std::filesystem::absolute(path).string();
    }

    [[nodiscard]] std::string stateFile(const char* name) const {
        return settings.state_dir + "/" + settings.process + "." + name;
    }

    /// In an order in which nobody is called any more by what has gone.
    void shutDown() {
        if (!runtime) return;
        watch.reset();
        watchdog.reset();
        for (auto& [name, e] : runtime->executors) e->stop();
        if (engine) engine->stop();
        if (timers) timers->stop();
        if (manager) manager->abandonTrial();
        runtime->loops_run = false;
        for (auto& p : pending) p.service->dropChains();
        engine.reset();
        runtime->engine = nullptr;
        if (manager) manager->shutDown();
        shared.reset();
        if (served) upkeep->save();
        for (auto& p : pending) p.service->deactivate();
        pending.clear();
        runtime->services.clear();
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
    std::unique_ptr<Upkeep> upkeep;
    std::unique_ptr<bridge::Timers> timers;
    std::unique_ptr<net::EngineObserver> observer;
    std::unique_ptr<bridge::Runtime> runtime;
    std::unique_ptr<bridge::PluginContext> loader;
    std::unique_ptr<module::Store> store;
    std::unique_ptr<net::Engine> engine;
    std::vector<Pending> pending;
    std::unique_ptr<bridge::SharedState> shared;
    std::unique_ptr<bridge::Watchdog> watchdog;
    std::unique_ptr<generation::DirectoryWatch> watch;
    module::Ids role_ids;
    std::unique_ptr<generation::Manager> manager;
    std::mutex replace_mutex;
    std::vector<admin::Replaced> replace_asked;
    bool started = false, served = false;
};

Host::Host(std::string config_file, std::string program)
    : impl_(std::make_unique<Impl>(std::move(config_file), std::move(program))) {}

Host::~Host() {
    if (impl_->started) drainAndStop();
    impl_->shutDown();
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

std::string Host::option(const std::string& name) const {
    for (const auto& e : impl_->document.effective())
        if (e.path.ends_with(".config." + name)) return e.value;
    return "";
}

std::string Host::stateDirectory(const std::string& config_file) {
    auto document = config::Document::load(config_file);
    document.applyEnvironment(environment(), config::topLevelKeys());
    return config::readHostConfig(document, "").state_dir;
}

std::string Host::schema() const {
    return config::schemaOf(impl_->document);
}

std::string Host::start(net::InheritedSockets sockets) {
    auto& i = *impl_;
    try {
        if (i.manager->wantsAccessLog())
            i.access_log = std::make_unique<observe::AccessLog>(
                i.settings.access_log_file,
                i.metrics.declare(PSN_METRIC_COUNTER, "access_log.dropped").value,
                [&i](const std::string& text) { i.log->write(3, "access-log", text); });
    } catch (const std::exception& e) {
        return e.what();
    }
    i.runtime->access_log = i.access_log.get();
    i.observer = observerOf(*i.log, i.metrics);
    auto settings = i.settings.engine;
    net::Engine::Services services;
    for (const auto& p : i.pending) services[p.service->id()] = p.service;
    i.addAdmin(settings, services);
    i.engine = std::make_unique<net::Engine>(settings, *i.observer);
    i.runtime->engine = i.engine.get();
    for (auto& p : i.pending)
        if (auto error = p.service->activate(); !error.empty()) return error;
    if (i.shared)
        if (auto error = i.shared->activate(); !error.empty()) return error;
    if (auto error = i.manager->publishFirst(); !error.empty()) return error;
    if (i.settings.statsd_enabled)
        if (auto error = i.metrics.startStatsd(i.settings.statsd_address); !error.empty())
            return error;
    if (auto error = i.engine->start(std::move(services), std::move(sockets)); !error.empty())
        return error;
    i.runtime->loops_run = true;
    i.started = i.served = true;
    if (i.shared) i.shared->start();
    i.upkeep->begin(*i.timers);
    if (i.settings.generations.watch_plugins) try {
            i.watch = std::make_unique<generation::DirectoryWatch>(
                directoriesOfModules(i.settings), [&i] {
                    i.manager->reload("the directory watch", false,
                                      [](const generation::Outcome&) {});
                });
        } catch (const std::system_error& e) {
            return e.what();
        }
    i.watchdog = std::make_unique<bridge::Watchdog>(
        *i.runtime,
        bridge::Watchdog::Settings{i.settings.watchdog_warn_ms, i.settings.watchdog_abort_ms},
        [] { std::abort(); });
    if (i.settings.lockdown) {
        if (auto error = lockDown(); !error.empty()) return error;
        i.log->write(2, "host", "locked down: no new sockets, programs, or executable memory");
    }
    return "";
}

std::string Host::reload(const std::string& from) {
    std::promise<std::string> answer;
    impl_->manager->reload(from, false, [&](const generation::Outcome& outcome) {
        answer.set_value(outcome.ok ? "" : outcome.error);
    });
    return answer.get_future().get();
}

generation::Manager& Host::generations() {
    return *impl_->manager;
}

void Host::onControl(std::function<void()> task) {
    impl_->timers->post(std::move(task));
}

unsigned short Host::port(const std::string& listener) const {
    return impl_->engine ? impl_->engine->port(listener) : 0;
}

Successor Host::replace() {
    auto& i = *impl_;
    Successor next;
    if (i.settings.lockdown)
        next.error =
            "this process is locked down and can start no other: restart it (with sockets "
            "of the supervisor's, who waits in them is served by the next process)";
    else {
        // The next process starts from the counters as they are now; from then on it keeps them.
        i.upkeep->save();
        next = startSuccessor(i.program, {"run", i.file}, i.engine->sockets(), kReplaceMs);
        if (next.error.empty()) i.upkeep->handOver();
    }
    std::vector<admin::Replaced> asked;
    {
        const std::lock_guard lock(i.replace_mutex);
        asked.swap(i.replace_asked);
    }
    for (const auto& done : asked) done(next.pid, next.error);
    return next;
}

bool Host::drainAndStop() {
    auto& i = *impl_;
    if (!i.started) return true;
    i.started = false;
    i.manager->end();
    const bool clean = i.engine->drain(i.upkeep->isHandedOver());
    i.watchdog.reset();
    for (auto& [name, e] : i.runtime->executors) e->stop();
    i.engine->stop();
    i.timers->stop();
    return clean;
}

}  // namespace persona::host::app
