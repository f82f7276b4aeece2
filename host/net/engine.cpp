#include "host/net/engine.h"

#include <algorithm>
#include <condition_variable>
#include <ctime>

#include "host/net/client_call.h"
#include "host/net/listener.h"
#include "host/net/listening.h"
#include "host/net/resolver.h"
#include "host/net/server_connection.h"
#include "host/net/upstream_health.h"

namespace persona::host::net {

LoopImpl::LoopImpl(unsigned index, EngineObserver& o) : observer(o), index_(index) {
    read_buffer.resize(16 * 1024);
    upstream_buffer.resize(16 * 1024);
    head_scratch.reserve(8 * 1024);
    reactor.onTurnEnd([this] {
        while (!graveyard.hooks.empty() || !graveyard.servers.empty() ||
               !graveyard.upstreams.empty()) {
            // What dies may bury more.
            std::swap(dead, graveyard);
            dead.hooks.clear();
            dead.servers.clear();
            dead.upstreams.clear();
        }
    });
}

LoopImpl::~LoopImpl() = default;

void LoopImpl::fault(std::string_view counter, std::string_view text) {
    constexpr unsigned kLines = 10;
    observer.count(counter);
    const std::int64_t second = reactor.now() / 1'000'000'000;
    if (second != fault_second_) {
        if (faults_ > kLines)
            observer.log(3, std::to_string(faults_ - kLines) + " more faults in that second");
        fault_second_ = second;
        faults_ = 0;
    }
    if (++faults_ > kLines) return;
    observer.log(3, std::string(text).append(" (").append(counter).append(")"));
}

void LoopImpl::failCalls(const std::string& detail) {
    const std::vector<ClientCall*> all(calls.begin(), calls.end());
    for (auto* call : all) call->cancel(ClientError::Unreachable, detail);
}

std::string_view LoopImpl::date() {
    const std::int64_t second = reactor.now() / 1'000'000'000;
    if (second != date_second_) {
        date_second_ = second;
        const std::time_t t = std::time(nullptr);
        std::tm tm{};
        ::gmtime_r(&t, &tm);
        char text[64];
        date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm));
    }
    return date_;
}

class Engine::Impl {
  public:
    Impl(EngineSettings s, EngineObserver& o) : settings(std::move(s)), observer(o) {
        if (!settings.resolve) settings.resolve = resolveBySystem;
        resolver = std::make_unique<Resolver>(settings.resolve);
        const unsigned n = settings.loops != 0 ? settings.loops
                                               : std::max(1u, std::thread::hardware_concurrency());
        for (unsigned i = 0; i < n; ++i) loops.push_back(std::make_unique<LoopImpl>(i, observer));
        for (auto& a : loops)
            for (auto& b : loops)
                if (a != b) a->peers.push_back(b.get());
    }

    std::string prepareUpstreams() {
        for (const auto& u : settings.upstreams) {
            std::vector<Endpoint> endpoints;
            for (const auto& text : u.addresses) {
                Endpoint e;
                e.text = text;
                std::string error;
                std::string address = text;
                UrlParts url;
                if (!text.starts_with("unix:")) {
                    if (!parseUrl(text, url))
                        return "upstream " + u.name + ": '" + text + "' is not an http URL";
                    e.tls = url.tls;
                    e.host_name = url.host;
                    address = isIpAddress(url.host) && url.host.find(':') != std::string::npos
                                  ? "[" + url.host + "]"
                                  : url.host;
                    address += ":" + std::to_string(url.port);
                } else {
                    e.host_name = "localhost";
                }
                if (u.tls && !u.tls->server_name.empty()) e.host_name = u.tls->server_name;
                if (!parseSocketAddress(address, e.address, error)) {
                    // A name: resolved once at start, before anything is served.
                    const auto found = settings.resolve(url.host, url.port, error);
                    if (found.empty())
                        return "upstream " + u.name + ": cannot resolve '" + url.host +
                               "': " + error;
                    e.address = found.front();
                }
                endpoints.push_back(std::move(e));
            }
            if (endpoints.empty()) return "upstream " + u.name + ": no address";
            groups[u.name] =
                std::make_shared<UpstreamGroup>(u, std::move(endpoints), groups.size());
        }
        std::string error;
        const auto contexts = upstreamTls(error);
        if (!error.empty()) return error;
        for (auto& loop : loops) {
            loop->pools.resize(groups.size());
            for (auto& [name, group] : groups)
                loop->pools[group->index] =
                    std::make_unique<UpstreamPool>(*loop, group, contexts.at(name));
        }
        return "";
    }

    std::map<std::string, std::shared_ptr<TlsContext>> upstreamTls(std::string& error) {
        std::map<std::string, std::shared_ptr<TlsContext>> out;
        for (auto& [name, group] : groups) {
            const bool tls = std::any_of(group->endpoints.begin(), group->endpoints.end(),
                                         [](const Endpoint& e) { return e.tls; });
            if (tls) {
                out[name] =
                    TlsContext::client(group->settings.tls.value_or(TlsClientSettings{}), error);
                if (!out[name]) {
                    error = "upstream " + name + ": " + error;
                    return out;
                }
            } else {
                out[name] = nullptr;
            }
        }
        return out;
    }

    void watchUpstreams() {
        std::vector<LoopImpl*> all;
        for (auto& l : loops) all.push_back(l.get());
        std::vector<std::shared_ptr<UpstreamGroup>> watched;
        for (auto& [name, group] : groups) watched.push_back(group);
        health = std::make_unique<UpstreamHealth>(std::move(all), std::move(watched));
        health->start();
    }

    std::string bind(Services& services, InheritedSockets& inherited) {
        for (const auto& l : settings.listeners) {
            auto shared = std::make_shared<ListenerShared>();
            shared->settings = l;
            const auto service = services.find(l.service);
            if (service == services.end())
                return "listener " + l.name + ": no service '" + l.service + "'";
            shared->dispatcher = service->second;
            std::string error;
            for (const auto& c : l.trusted_proxies) {
                Cidr cidr;
                if (c == "unix") {
                    shared->trust_unix = true;
                    continue;
                }
                if (!Cidr::parse(c, cidr))
                    return "listener " + l.name + ": '" + c +
                           "' is not a network such as 10.0.0.0/8";
                shared->trusted.push_back(cidr);
            }
            if (l.tls && !(shared->tls = TlsContext::server(*l.tls, error)))
                return "listener " + l.name + ": " + error;
            if (!parseSocketAddress(l.address, shared->address, error))
                return "listener " + l.name + ": '" + l.address + "': " + error;
            auto sockets = inherited.take(l.name);
            if (sockets.empty() ? !(error = openSockets(*shared, loops.size(), sockets)).empty()
                                : !(error = adoptSockets(*shared, sockets)).empty())
                return "listener " + l.name + ": " + error;
            place(shared, sockets);
            shareds.push_back(shared);
        }
        if (const auto rest = inherited.rest(); !rest.empty())
            return "sockets were handed over for " + rest +
                   ", and no listener has that name: FileDescriptorName= of the socket unit must "
                   "be "
                   "the name of a listener";
        return "";
    }

    /// Every socket is accepted from, and every loop accepts.
    void place(const std::shared_ptr<ListenerShared>& shared, const std::vector<Fd>& sockets) {
        for (std::size_t i = 0; i < std::max(loops.size(), sockets.size()); ++i) {
            auto& loop = *loops[i % loops.size()];
            listeners.push_back(
                {&loop, std::make_unique<Listener>(loop, shared,
                                                   duplicate(sockets[i % sockets.size()].get()))});
        }
    }

    /// Runs `task` on every loop and waits. [control]
    void onEveryLoop(const std::function<void(LoopImpl&)>& task) {
        std::mutex m;
        std::condition_variable cv;
        std::size_t left = threads.size();
        for (std::size_t i = 0; i < threads.size(); ++i)
            loops[i]->post([&, i] {
                task(*loops[i]);
                const std::lock_guard lock(m);
                if (--left == 0) cv.notify_all();
            });
        std::unique_lock lock(m);
        cv.wait(lock, [&] { return left == 0; });
    }

    struct Bound {
        LoopImpl* loop;
        std::unique_ptr<Listener> listener;
    };
    EngineSettings settings;
    EngineObserver& observer;
    std::vector<std::unique_ptr<LoopImpl>> loops;
    std::map<std::string, std::shared_ptr<UpstreamGroup>, std::less<>> groups;
    std::vector<std::shared_ptr<ListenerShared>> shareds;
    std::vector<Bound> listeners;
    std::vector<std::thread> threads;
    std::unique_ptr<Resolver> resolver;
    std::shared_ptr<TlsContext> web_tls;
    std::unique_ptr<UpstreamHealth> health;
    std::atomic<unsigned> next_loop{0};
    bool stopped = false;
};

Engine::Engine(EngineSettings settings, EngineObserver& observer)
    : impl_(std::make_unique<Impl>(std::move(settings), observer)) {}

Engine::~Engine() {
    stop();
}

std::string Engine::start(Services services, InheritedSockets inherited) {
    if (auto error = impl_->prepareUpstreams(); !error.empty()) return error;
    if (auto error = impl_->bind(services, inherited); !error.empty()) {
        impl_->listeners.clear();
        return error;
    }
    std::string error;
    impl_->web_tls = TlsContext::client(impl_->settings.outbound, error);
    if (!impl_->web_tls && !impl_->settings.outbound.ca_file.empty()) return "outbound: " + error;
    for (auto& l : impl_->listeners)
        if (!l.listener->start()) return "event loop: the kernel does not watch one more socket";
    impl_->watchUpstreams();
    if (!impl_->settings.own_threads) return "";
    for (auto& loop : impl_->loops) impl_->threads.emplace_back([&l = *loop] { l.reactor.run(); });
    return "";
}

void Engine::turn() {
    for (auto& loop : impl_->loops) {
        loop->reactor.adopt();
        loop->reactor.turn(0);
    }
}

std::vector<std::pair<std::string, int>> Engine::sockets() const {
    std::vector<std::pair<std::string, int>> out;
    for (const auto& b : impl_->listeners)
        out.emplace_back(b.listener->shared().settings.name, b.listener->fd());
    return out;
}

bool Engine::drain(bool succeeded) {
    if (impl_->threads.empty()) return true;
    if (succeeded)
        for (const auto& s : impl_->shareds) s->owns_path = false;
    impl_->onEveryLoop([&](LoopImpl& loop) {
        loop.draining = true;
        loop.patient = succeeded;
        for (auto& b : impl_->listeners)
            if (b.loop == &loop) b.listener->stop();
        for (auto& pool : loop.pools) pool->closeIdle();
    });
    const auto until = monotonicNs() + impl_->settings.drain_timeout.count() * 1'000'000;
    while (stats().connections != 0 && monotonicNs() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const bool clean = stats().connections == 0;
    if (!clean)
        impl_->onEveryLoop([this](LoopImpl& loop) {
            for (auto& b : impl_->listeners)
                if (b.loop == &loop) b.listener->closeAll();
        });
    return clean;
}

void Engine::stop() {
    if (impl_->stopped) return;
    impl_->stopped = true;
    if (!impl_->threads.empty())
        impl_->onEveryLoop([this](LoopImpl& loop) {
            loop.draining = true;
            if (loop.index() == 0) impl_->health->stop();
            for (auto& b : impl_->listeners)
                if (b.loop == &loop) {
                    b.listener->stop();
                    b.listener->closeAll();
                }
            for (auto& pool : loop.pools) pool->closeIdle();
            loop.failCalls("the process ends");
        });
    for (auto& loop : impl_->loops) loop->reactor.stop();
    for (auto& t : impl_->threads) t.join();
    impl_->resolver.reset();
    impl_->threads.clear();
    impl_->listeners.clear();
    for (const auto& s : impl_->shareds) s->removePath();
}

std::string Engine::reloadTls() {
    std::string error;
    if (const auto install = readTls(error)) install();
    return error;
}

std::function<void()> Engine::readTls(std::string& error) const {
    std::vector<std::shared_ptr<TlsContext>> fresh;
    for (const auto& s : impl_->shareds) {
        fresh.push_back(s->settings.tls ? TlsContext::server(*s->settings.tls, error) : nullptr);
        if (s->settings.tls && !fresh.back()) {
            error = "listener " + s->settings.name + ": " + error;
            return nullptr;
        }
    }
    auto upstreams = impl_->upstreamTls(error);
    if (!error.empty()) return nullptr;
    return [this, fresh = std::move(fresh), upstreams = std::move(upstreams)] {
        for (std::size_t i = 0; i < fresh.size(); ++i) {
            const std::lock_guard lock(impl_->shareds[i]->tls_mutex);
            impl_->shareds[i]->tls = fresh[i];
        }
        impl_->onEveryLoop([&](LoopImpl& loop) {
            for (auto& pool : loop.pools) pool->setTls(upstreams.at(pool->settings().name));
        });
    };
}

unsigned Engine::loops() const {
    return static_cast<unsigned>(impl_->loops.size());
}
Loop& Engine::loop(unsigned i) {
    return *impl_->loops.at(i);
}

Upstream* Engine::upstream(std::string_view name) {
    const auto it = impl_->groups.find(name);
    return it == impl_->groups.end() ? nullptr : it->second.get();
}

void Engine::send(ClientRequest request, std::function<void(ClientResult)> done) {
    LoopImpl* loop = impl_->loops[impl_->next_loop++ % impl_->loops.size()].get();
    for (auto& l : impl_->loops)
        if (l->isCurrent()) loop = l.get();
    if (request.upstream != nullptr) {
        loop->post([loop, r = std::move(request), d = std::move(done)]() mutable {
            auto& pool = *loop->pools.at(static_cast<UpstreamGroup*>(r.upstream)->index);
            (new ClientCall(*loop, std::move(r), std::move(d)))->startPool(pool);
        });
        return;
    }
    const auto refuse = [&](ClientError e, std::string detail) {
        loop->post([d = std::move(done), e, detail = std::move(detail)] {
            d({e, detail, 0, {}, ""});
        });
    };
    UrlParts url;
    if (!parseUrl(request.url, url)) return refuse(ClientError::Denied, "not an http or https URL");
    if (request.target.empty()) request.target = url.target;
    if (!request.fields.find("host")) request.fields.add("Host", url.authority);
    loop->post([loop, url = std::move(url), tls = impl_->web_tls, &resolver = *impl_->resolver,
                r = std::move(request), d = std::move(done)]() mutable {
        (new ClientCall(*loop, std::move(r), std::move(d)))->startUrl(url, resolver, tls);
    });
}

unsigned short Engine::port(std::string_view listener) const {
    for (const auto& s : impl_->shareds)
        if (s->settings.name == listener) return s->port;
    return 0;
}

EngineStats Engine::stats() const {
    EngineStats out;
    for (const auto& s : impl_->shareds) out.connections += s->connections.load();
    for (const auto& l : impl_->loops) out.exchanges += l->exchanges.load();
    return out;
}

}  // namespace persona::host::net
