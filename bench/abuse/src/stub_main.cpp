// aastub: the back end of the attack simulator. Prints "port P control C" when it listens and the
// counters when it ends; ends at SIGTERM or when its parent closes standard input.
#include <sys/epoll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "bench/abuse/src/stub.h"

namespace {

volatile std::sig_atomic_t ended = 0;

persona::abuse::StubSettings read(int count, char** words) {
    persona::abuse::StubSettings out;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string key = words[i], value = words[i + 1];
        if (key == "--accounts")
            out.accounts = static_cast<std::uint32_t>(std::stoul(value));
        else if (key == "--api-cores")
            out.api_cores = std::stoul(value);
        else if (key == "--hash-cores")
            out.hash_cores = std::stoul(value);
        else if (key == "--hash-us")
            out.hash_us = std::stol(value);
        else if (key == "--mail-interval-s")
            out.mail_interval_s = static_cast<std::uint32_t>(std::stoul(value));
        else if (key == "--class-secret")
            out.secret_file = value;
        else
            throw std::invalid_argument("unknown option " + key);
    }
    if (out.secret_file.empty() || out.api_cores == 0 || out.hash_cores == 0)
        throw std::invalid_argument("--class-secret FILE and at least one core are needed");
    return out;
}

/// The parent holds the other end: its death ends this process too.
class Parent final : public persona::abuse::Loop::Watcher {
  public:
    void ready(std::uint32_t) override {
        char c;
        if (::read(STDIN_FILENO, &c, 1) <= 0) ended = 1;
    }
};

}  // namespace

int main(int count, char** words) try {
    namespace abuse = persona::abuse;
    const auto settings = read(count, words);
    std::signal(SIGTERM, [](int) { ended = 1; });
    std::signal(SIGINT, [](int) { ended = 1; });
    abuse::Loop loop;
    abuse::Stub stub(loop, settings);
    Parent parent;
    abuse::Server door(loop, 0,
                       [&](const auto& place, const abuse::Message& m) { stub.serve(place, m); });
    abuse::Server control(
        loop, 0, [&](const auto& place, const abuse::Message& m) { stub.control(place, m); });
    try {
        loop.watch(STDIN_FILENO, EPOLLIN, &parent);
    } catch (const std::exception&) {
        // A file or /dev/null cannot be watched: then only a signal ends it.
    }
    std::printf("port %d control %d\n", door.port(), control.port());
    std::fflush(stdout);
    loop.run([] { return ended != 0; });
    return 0;
} catch (const std::exception& e) {
    std::cerr << "aastub: " << e.what() << "\n";
    return 64;
}
