#include "host/net/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>

#include "host/net/reactor.h"

namespace persona::host::net {

namespace {
constexpr std::size_t kStack = 512 * 1024;  ///< far more than the C library's lookups use
constexpr std::size_t kQueue = 1024;
}  // namespace

std::vector<SocketAddress> resolveBySystem(const std::string& host, unsigned short port,
                                           std::string& error) {
    // The C library keeps these for each thread: 2 s a question, asked twice.
    if ((_res.options & RES_INIT) == 0 && ::res_init() == 0) {
        _res.retrans = 2;
        _res.retry = 2;
    }
    addrinfo hints{}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
    const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    std::vector<SocketAddress> found;
    for (auto* a = list; rc == 0 && a != nullptr; a = a->ai_next) {
        SocketAddress s;
        std::copy_n(reinterpret_cast<const char*>(a->ai_addr), a->ai_addrlen,
                    reinterpret_cast<char*>(&s.storage));
        s.size = a->ai_addrlen;
        found.push_back(s);
    }
    if (list != nullptr) ::freeaddrinfo(list);
    if (rc != 0) error = ::gai_strerror(rc);
    return found;
}

Resolver::Resolver(ResolveFn resolve) : resolve_(std::move(resolve)) {}

Resolver::~Resolver() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    ready_.notify_all();
    for (const auto t : threads_) ::pthread_join(t, nullptr);
}

Resolver::Begun Resolver::resolve(std::string host, unsigned short port, std::int64_t begin_by_ns,
                                  Done done) {
    auto begun = std::make_shared<std::atomic<bool>>(false);
    const std::lock_guard lock(mutex_);
    if (stop_ || queue_.size() >= kQueue) return nullptr;
    if (idle_ <= queue_.size() && threads_.size() < kThreads) addThread();
    if (threads_.empty()) return nullptr;
    queue_.push_back({std::move(host), port, begin_by_ns, std::move(done), begun});
    ready_.notify_one();
    return begun;
}

/// With the lock held. The system may refuse; those that are there go on.
void Resolver::addThread() {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStack);
    const auto body = [](void* self) -> void* {
        static_cast<Resolver*>(self)->run();
        return nullptr;
    };
    pthread_t thread{};
    if (::pthread_create(&thread, &attributes, body, this) == 0) threads_.push_back(thread);
    ::pthread_attr_destroy(&attributes);
}

void Resolver::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++idle_;
        ready_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        --idle_;
        if (stop_) return;
        const Job job = std::move(queue_.front());
        queue_.pop_front();
        if (monotonicNs() >= job.begin_by_ns) continue;
        *job.begun = true;
        lock.unlock();
        std::string error;
        auto found = resolve_(job.host, job.port, error);
        job.done(std::move(found), std::move(error));
        lock.lock();
    }
}

}  // namespace persona::host::net
