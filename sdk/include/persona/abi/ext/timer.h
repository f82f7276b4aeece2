/* psn.timer/1: calls later, or again and again. The host cancels all timers of an instance before
 * deactivate. Those of a heuristic that repeat rest while its generation judges nobody: before it
 * is published, and in standby. */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_TIMER_ID "psn.timer/1"

typedef void (*psn_timer_fn)(void* user); /* on [control]; must not block */

typedef struct psn_timer_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] First call after delay_ms, then every period_ms (0: once), both 30 days at most: more
     * counts as that. PSN_FULL: 10,000 are running. */
    psn_rc (*start)(const psn_host*, uint64_t delay_ms, uint64_t period_ms, psn_timer_fn,
                    void* user, uint64_t* id);
    /* [any] After it returns the function is not running and will not run again, unless called from
     * within the function itself. Unknown ids are ignored. */
    void (*cancel)(const psn_host*, uint64_t id);
} psn_timer_api;

#ifdef __cplusplus
}
#endif
