#include "host/bridge/ext.h"

namespace persona::host::bridge {

Place place(const Runtime& runtime) {
    if (Executor::onExecutor()) return Place::Executor;
    if (runtime.engine != nullptr && runtime.loops_run)
        for (unsigned i = 0; i < runtime.engine_loops; ++i)
            if (runtime.engine->loop(i).isCurrent()) return Place::Loop;
    // Before the loops run, the thread that builds everything stands for [control].
    return !runtime.loops_run || runtime.timers.isCurrent() ? Place::Control : Place::Other;
}

bool mayDo(const PluginContext& c, const char* what, Place needed) {
    if (!c.runtime.thread_check || place(c.runtime) == needed) return true;
    c.runtime.metrics.count("thread_check.violations");
    c.runtime.log.write(4, c.id, std::string(what) + " was called on a thread that may not");
    return false;
}

const psn_thread_check_api& threadCheckApi() {
    static const psn_thread_check_api kApi{
        sizeof(psn_thread_check_api), 0, [](const psn_host* h) -> std::uint32_t {
            return static_cast<std::uint32_t>(place(PluginContext::of(h).runtime));
        }};
    return kApi;
}

}  // namespace persona::host::bridge
