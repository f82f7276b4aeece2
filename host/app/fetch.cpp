#include "host/app/fetch.h"

#include <condition_variable>
#include <mutex>

namespace persona::host::app {

namespace {

constexpr int kDeadlineMs = 10'000;

class Quiet final : public net::EngineObserver {
    void count(std::string_view) override {}
    void log(int, std::string_view) override {}
};

}  // namespace

net::ClientResult fetch(const net::TlsClientSettings& trust, const std::string& url) {
    Quiet quiet;
    net::EngineSettings settings;
    settings.loops = 1;
    settings.outbound = trust;
    net::Engine engine(settings, quiet);
    net::ClientResult result;
    if (result.detail = engine.start({}); !result.detail.empty()) return result;
    net::ClientRequest request;
    request.url = url;
    request.allow_private = true;
    request.max_body = 1 << 20;
    request.deadline = net::milliseconds(kDeadlineMs);
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    engine.send(request, [&](net::ClientResult r) {
        const std::lock_guard lock(mutex);
        result = std::move(r);
        done = true;
        ready.notify_one();
    });
    {
        std::unique_lock lock(mutex);
        ready.wait(lock, [&] { return done; });
    }
    engine.stop();
    return result;
}

}  // namespace persona::host::app
