#include "host/generation/directory_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace persona::host::generation {

DirectoryWatch::DirectoryWatch(const std::vector<std::string>& directories,
                               std::function<void()> changed)
    : changed_(std::move(changed)),
      events_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    const auto fail = [this](const std::string& what) {
        const int error = errno;
        if (events_ >= 0) ::close(events_);
        if (stop_ >= 0) ::close(stop_);
        throw std::system_error(error, std::generic_category(), what);
    };
    if (events_ < 0 || stop_ < 0) fail("watching plugin files");
    for (const auto& d : directories)
        if (::inotify_add_watch(events_, d.c_str(), IN_MOVED_TO | IN_ONLYDIR) < 0)
            fail("watching " + d);
    thread_ = std::thread([this] { run(); });
}

DirectoryWatch::~DirectoryWatch() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(stop_, &one, sizeof one);
    thread_.join();
    ::close(events_);
    ::close(stop_);
}

/// Reads what there is; true when a plugin file was among it.
bool DirectoryWatch::drain() {
    alignas(inotify_event) std::array<char, 8192> buffer;
    bool seen = false;
    for (;;) {
        const auto n = ::read(events_, buffer.data(), buffer.size());
        if (n <= 0) return seen;
        for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(n);) {
            inotify_event event;
            std::memcpy(&event, buffer.data() + at, sizeof event);
            // What the kernel could not tell may have been one.
            if ((event.mask & IN_Q_OVERFLOW) != 0) seen = true;
            if (event.len > 0 &&
                std::string_view(buffer.data() + at + sizeof event).ends_with(".so"))
                seen = true;
            at += sizeof event + event.len;
        }
    }
}

void DirectoryWatch::run() {
    std::array<pollfd, 2> fds{pollfd{events_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    bool pending = false;
    for (;;) {
        const int n = ::poll(fds.data(), fds.size(), pending ? kQuietMs : -1);
        if (n < 0 && errno != EINTR) return;
        if ((fds[1].revents & POLLIN) != 0) return;
        if (n == 0 && pending) {
            pending = false;
            changed_();
        } else if (n > 0 && drain()) {
            pending = true;
        }
    }
}

}  // namespace persona::host::generation
