#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace persona::wsapi {

/// What happened, for the security log (wsapi.md 8.2) and the flow of sign-ins (8.1). Names are
/// fixed texts: no address, token or secret gets in.
class Events {
  public:
    enum class Level : std::uint8_t { Info, Warn, Alert };
    using Sink = std::function<void(Level, std::string_view line)>;
    explicit Events(Sink sink) : sink_(std::move(sink)) {}
    /// "cef.AUTH_FAILURE: Password mismatch"
    void security(Level level, std::string_view signature, std::string_view name) const {
        sink_(level, "cef." + std::string(signature) + ": " + std::string(name));
    }
    /// "stage_user.success"
    void flow(std::string_view name) const { sink_(Level::Info, name); }

  private:
    Sink sink_;
};

}  // namespace persona::wsapi
