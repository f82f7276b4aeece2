#include "host/bridge/plugin_tag.h"

#include <map>
#include <mutex>
#include <tuple>

namespace persona::host::bridge {

constinit thread_local std::atomic<const PluginTag*> current_plugin{nullptr};
constinit thread_local bool in_shadow = false;
constinit thread_local unsigned current_loop = ~0U;

const PluginTag* internTag(const std::string& id, const std::string& hash, bool swappable) {
    // Leaked on purpose: a crash handler may read a tag after static destructors have run.
    static auto& mutex = *new std::mutex;
    static auto& tags = *new std::map<std::tuple<std::string, std::string, bool>, PluginTag>;
    const std::lock_guard lock(mutex);
    return &tags.try_emplace({id, hash, swappable}, PluginTag{id, hash, swappable}).first->second;
}

}  // namespace persona::host::bridge
