#pragma once

#include <persona/abi/ext/executor.h>
#include <persona/abi/ext/http_client.h>
#include <persona/abi/ext/thread_check.h>
#include <persona/abi/ext/timer.h>

#include "host/bridge/runtime.h"

/// The host's half of the C ABI, a function for each table.
namespace persona::host::bridge {

[[nodiscard]] const psn_timer_api& timerApi();
[[nodiscard]] const psn_executor_api& executorApi();
[[nodiscard]] const psn_http_client_api& clientApi();
[[nodiscard]] const psn_thread_check_api& threadCheckApi();

enum class Place : std::uint32_t {
    Other = PSN_THREAD_OTHER,
    Control = PSN_THREAD_CONTROL,
    Loop = PSN_THREAD_LOOP,
    Executor = PSN_THREAD_EXECUTOR
};
/// Where the calling thread is.
[[nodiscard]] Place place(const Runtime& runtime);
/// With `thread_check: true`, false where a plugin calls from another kind of thread than the ABI
/// allows, with a line and a counter. Without it, true.
[[nodiscard]] bool mayDo(const PluginContext& context, const char* what, Place needed);

}  // namespace persona::host::bridge
