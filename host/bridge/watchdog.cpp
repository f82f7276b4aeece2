#include "host/bridge/watchdog.h"

#include <execinfo.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>

#include "host/net/reactor.h"

namespace persona::host::bridge {

namespace {

/// The stack of a stuck thread, taken by that thread itself in a signal handler.
constexpr int kFrames = 32;
std::array<void*, kFrames> frames;
std::atomic<int> frame_count{-1};

int stackSignal() {
    return SIGRTMIN + 3;
}

void onStackSignal(int) {
    const int saved = errno;
    frame_count.store(::backtrace(frames.data(), kFrames));
    errno = saved;
}

}  // namespace

Watchdog::Watchdog(Runtime& runtime, Settings settings, std::function<void()> give_up)
    : runtime_(runtime), settings_(settings), give_up_(std::move(give_up)) {
    // The first call loads a library and allocates: not in a signal handler, please.
    std::array<void*, 1> warm{};
    ::backtrace(warm.data(), 1);
    struct sigaction action {};
    action.sa_handler = onStackSignal;
    action.sa_flags = SA_RESTART;
    ::sigaction(stackSignal(), &action, nullptr);
    for (unsigned i = 0; i < runtime_.engine_loops; ++i) loops_.push_back(std::make_shared<Loop>());
    // Whose thread each loop is must be known before the first of them gets stuck.
    for (unsigned i = 0; i < loops_.size(); ++i) ping(i, net::monotonicNs());
    const auto until = net::monotonicNs() + 1'000'000'000;
    for (const auto& l : loops_)
        while (!l->known && net::monotonicNs() < until)
            std::this_thread::sleep_for(std::chrono::microseconds(100));
    thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
    stop();
}

void Watchdog::stop() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Watchdog::run() {
    const auto period = std::chrono::milliseconds(std::clamp<std::int64_t>(
        std::min(settings_.warn_ms,
                 settings_.abort_ms == 0 ? settings_.warn_ms : settings_.abort_ms) /
            4,
        5, 250));
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period, [this] { return stop_; })) {
        lock.unlock();
        for (unsigned i = 0; i < loops_.size(); ++i) look(i, net::monotonicNs());
        lock.lock();
    }
}

void Watchdog::ping(unsigned index, std::int64_t now) {
    loops_[index]->asked_ns.store(now);
    runtime_.engine->loop(index).post([shared = loops_[index]] {
        shared->thread.store(::pthread_self());
        shared->plugin.store(&current_plugin);
        shared->known.store(true);
        shared->asked_ns.store(0);
    });
}

void Watchdog::look(unsigned index, std::int64_t now) {
    auto& loop = *loops_[index];
    const auto asked = loop.asked_ns.load();
    if (asked == 0) {
        if (loop.warned)
            runtime_.log.write(3, "watchdog",
                               "loop " + std::to_string(index) + " comes round again");
        loop.warned = false;
        return ping(index, now);
    }
    const auto stuck_ms = (now - asked) / 1'000'000;
    if (stuck_ms < settings_.warn_ms) return;
    const PluginTag* tag =
        loop.known ? loop.plugin.load()->load(std::memory_order_relaxed) : nullptr;
    const std::string who = tag == nullptr ? "the host itself" : "plugin '" + tag->id + "'";
    if (!loop.warned) {
        loop.warned = true;
        runtime_.metrics.count("watchdog.warned");
        runtime_.log.write(4, "watchdog",
                           "loop " + std::to_string(index) + " has been stuck for " +
                               std::to_string(stuck_ms) + " ms in " + who +
                               (tag == nullptr || tag->hash.empty()
                                    ? std::string()
                                    : " (sha256 " + tag->hash.substr(0, 16) + ")") +
                               "; stack: " + stackOf(loop));
    }
    if (settings_.abort_ms == 0 || stuck_ms < settings_.abort_ms) return;
    runtime_.log.write(4, "watchdog",
                       "loop " + std::to_string(index) + " has been stuck for " +
                           std::to_string(stuck_ms) + " ms in " + who + ": giving up");
    runtime_.log.flush();
    // The crash handler shall name the plugin that is stuck, not this thread.
    const InPlugin mark(tag);
    give_up_();
    loop.asked_ns.store(now);  // in tests, which go on
}

std::string Watchdog::stackOf(const Loop& loop) const {
    if (!loop.known) return "unknown";
    frame_count.store(-1);
    if (::pthread_kill(loop.thread.load(), stackSignal()) != 0) return "unknown";
    for (int i = 0; i < 100 && frame_count.load() < 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const int n = frame_count.load();
    if (n <= 0) return "unknown";
    char** names = ::backtrace_symbols(frames.data(), n);
    if (names == nullptr) return "unknown";
    std::string out;
    // The handler itself and the frame of the signal say nothing.
    for (int i = std::min(2, n - 1); i < std::min(n, 14); ++i) {
        const std::string_view full = names[i];
        out += (out.empty() ? "" : " < ") + std::string(full.substr(full.rfind('/') + 1));
    }
    ::free(names);
    return out;
}

}  // namespace persona::host::bridge
