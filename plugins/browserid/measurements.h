#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/json.h"

namespace persona::browserid {

/// Coarse on purpose: system, browser and its major version; "Unknown" where it is not one of those
/// that wsapi.md 8.4 lists.
[[nodiscard]] protocol::Json coarseUserAgent(std::string_view user_agent);

/// What dialogs report (interaction_data, wsapi.md 8.4), gathered and handed on in batches. Nothing
/// is kept while `send` is off, and nothing that is not a list of small objects ever (W31). [any]
class Measurements {
  public:
    struct Options {
        bool send = false;
        std::size_t batch = 20;
    };
    /// `post`: takes the form body of one batch; must not block.
    Measurements(Options options, std::function<void(std::string form)> post)
        : options_(options), post_(std::move(post)) {}
    void take(const protocol::Json& data, std::string_view user_agent);

  private:
    const Options options_;
    const std::function<void(std::string)> post_;
    std::mutex mutex_;
    std::vector<protocol::Json> waiting_;
};

}  // namespace persona::browserid
