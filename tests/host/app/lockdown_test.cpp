#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <thread>

#include "host/app/lockdown.h"

/// What a process may still do once it is locked down. Each test is a child of its own.
namespace persona::host::app {
namespace {

/// Exit status of a child that locks itself down and then returns what `body` does.
int inChild(
    const std::function<int()>& body, const std::function<void()>& before = [] {}) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        before();
        if (!lockDown().empty()) ::_exit(100);
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int refused(long rc) {
    return rc < 0 && errno == EPERM ? 0 : 1;
}

TEST(LockDown, NoSocketsAndNoConnections) {
    for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK})
        EXPECT_EQ(inChild([&] { return refused(::socket(family, SOCK_STREAM, 0)); }), 0) << family;
    int made = -1;
    const auto make = [&] { made = ::socket(AF_INET, SOCK_DGRAM, 0); };
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* address = reinterpret_cast<const sockaddr*>(&to);
    EXPECT_EQ(inChild([&] { return refused(::connect(made, address, sizeof to)); }, make), 0);
    EXPECT_EQ(inChild([&] { return refused(::sendto(made, "x", 1, 0, address, sizeof to)); }, make),
              0);
}

TEST(LockDown, NoProgramsAndNoChildren) {
    EXPECT_EQ(inChild([] { return refused(::execl("/bin/true", "true", nullptr)); }), 0);
    EXPECT_EQ(inChild([] {
                  const pid_t child = ::fork();
                  if (child == 0) ::_exit(0);
                  return refused(child);
              }),
              0);
    EXPECT_EQ(inChild([] { return refused(::kill(::getppid(), 0)); }), 0);
}

TEST(LockDown, NoNewExecutableMemory) {
    EXPECT_EQ(inChild([] {
                  void* m = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  return m == MAP_FAILED && errno == EPERM ? 0 : 1;
              }),
              0);
    EXPECT_EQ(inChild([] {
                  void* m = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  return m == MAP_FAILED ? 1 : refused(::mprotect(m, 4096, PROT_READ | PROT_EXEC));
              }),
              0);
}

TEST(LockDown, HoldsForThreadsThatRanBefore) {
    std::atomic<bool> locked{false};
    std::atomic<int> got{-1};
    std::thread* early = nullptr;
    EXPECT_EQ(inChild(
                  [&] {
                      locked = true;
                      early->join();
                      return got.load();
                  },
                  [&] {
                      early = new std::thread([&] {
                          while (!locked) std::this_thread::yield();
                          got = refused(::socket(AF_INET, SOCK_STREAM, 0));
                      });
                  }),
              0);
}

TEST(LockDown, WhatARoleNeedsGoesOn) {
    // A listener that is open accepts; threads start; files are written.
    int listener = -1, client = -1;
    const auto prepare = [&] {
        listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof any;
        if (::bind(listener, reinterpret_cast<sockaddr*>(&any), size) != 0 ||
            ::listen(listener, 1) != 0 ||
            ::getsockname(listener, reinterpret_cast<sockaddr*>(&any), &size) != 0)
            ::_exit(90);
        client = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(client, reinterpret_cast<sockaddr*>(&any), size) != 0) ::_exit(91);
    };
    EXPECT_EQ(inChild(
                  [&] {
                      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
                      char c = 0;
                      if (fd < 0 || ::send(client, "x", 1, 0) != 1 || ::recv(fd, &c, 1, 0) != 1)
                          return 1;
                      int ran = 0;
                      std::thread([&] { ran = 1; }).join();
                      char name[] = "/tmp/persona-lockdown-XXXXXX";
                      const int file = ::mkstemp(name);
                      if (file < 0 || ::write(file, "x", 1) != 1 || ::unlink(name) != 0) return 2;
                      return ran == 1 ? 0 : 3;
                  },
                  prepare),
              0);
    EXPECT_EQ(inChild([] { return ::raise(SIGKILL), 1; }), -SIGKILL) << "it may end itself";
}

}  // namespace
}  // namespace persona::host::app
