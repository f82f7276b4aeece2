#pragma once

#include <unistd.h>

#include <string>

#include "host/module/module.h"

/// What the steps of loading share.
namespace persona::host::module {

/// False, with what was wrong in `r`.
inline bool refuse(Refusal& r, std::string step, std::string expected, std::string got,
                   std::string hint) {
    r.step = std::move(step);
    r.expected = std::move(expected);
    r.got = std::move(got);
    r.hint = std::move(hint);
    return false;
}

struct FdGuard {
    int fd = -1;
    ~FdGuard() { close(); }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
};

/// What helps against what dlopen() says.
[[nodiscard]] std::string hintForLoad(const std::string& why);

}  // namespace persona::host::module
