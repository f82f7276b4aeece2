#pragma once

#include <functional>
#include <string>

#include "host/bridge/runtime.h"

namespace persona::host::admin {

/// The commands that roles offer to operators (psn.admin/1), as the control socket has them.
class Commands {
  public:
    explicit Commands(bridge::Runtime& runtime) : runtime_(runtime) {}
    /// [any] {"commands":[{"service","name","arguments","help","changes"}]}
    [[nodiscard]] std::string list() const;
    using Done = std::function<void(unsigned status, std::string body)>;
    /// [loop] `request`: {"words":["accounts","find","a@b.c"],"json":false}; the longest name that
    /// the words begin with says which command. Runs on the default executor. {"ok":true,"text"},
    /// or {"ok":false,"error","exit"} with the exit code for ctl. `from`: who asks.
    void run(const std::string& request, const std::string& from, const Done& done);

  private:
    bridge::Runtime& runtime_;
};

}  // namespace persona::host::admin
