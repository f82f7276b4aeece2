#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "libs/wsapi/cef.h"

namespace persona::wsapi {

/// What happened, for the security log (wsapi.md 8.2) and the flow of sign-ins (8.1). Names are
/// fixed texts: no address, token or secret gets in.
class Events {
  public:
    using Level = Severity;
    using Sink = std::function<void(Level, std::string_view line)>;
    explicit Events(Sink sink) : sink_(std::move(sink)) {}
    /// Security events go there too. Before the role works; null: to the log alone.
    void sendTo(std::unique_ptr<CefSyslog> cef) { cef_ = std::move(cef); }
    /// "cef.AUTH_FAILURE: Password mismatch"; `about`: the request that it came with.
    void security(Level level, std::string_view signature, std::string_view name,
                  const Request* about = nullptr) const {
        sink_(level, "cef." + std::string(signature) + ": " + std::string(name));
        if (cef_) cef_->send(level, signature, name, about);
    }
    /// An executor had no room for that call.
    void tooBusy(const Request& request) const {
        security(Level::Alert, "LOAD_HIGH",
                 request.op.starts_with("stage_") ? "Load exceeded on stage request"
                                                  : "Load exceeded on auth request",
                 &request);
    }
    /// "stage_user.success"
    void flow(std::string_view name) const { sink_(Level::Info, name); }

  private:
    Sink sink_;
    std::unique_ptr<CefSyslog> cef_;
};

}  // namespace persona::wsapi
