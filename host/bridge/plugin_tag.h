#pragma once

#include <atomic>
#include <string>

namespace persona::host::bridge {

/// Who a piece of foreign code is: what the crash handler, the watchdog and the logs say. Made once
/// for each block and image, never freed, so that any thread may read it at any time.
struct PluginTag {
    std::string id;          ///< of the block in the configuration
    std::string hash;        ///< SHA-256 of the image in hex; empty before it is known
    bool swappable = false;  ///< a filter or heuristic: may be quarantined
};
[[nodiscard]] const PluginTag* internTag(const std::string& id, const std::string& hash,
                                         bool swappable);

/// The plugin whose code this thread is in; nullptr: none. Other threads (the watchdog) read it
/// through a pointer, hence atomic.
extern constinit thread_local std::atomic<const PluginTag*> current_plugin;
/// Requests of this thread are a rehearsal: host counters are read, not changed.
extern constinit thread_local bool in_shadow;
/// Index of the loop whose request this thread is at; ~0: none.
extern constinit thread_local unsigned current_loop;

class InPlugin {
  public:
    explicit InPlugin(const PluginTag* tag)
        : before_(current_plugin.load(std::memory_order_relaxed)) {
        current_plugin.store(tag, std::memory_order_relaxed);
    }
    ~InPlugin() { current_plugin.store(before_, std::memory_order_relaxed); }
    InPlugin(const InPlugin&) = delete;
    InPlugin& operator=(const InPlugin&) = delete;

  private:
    const PluginTag* before_;
};

}  // namespace persona::host::bridge
