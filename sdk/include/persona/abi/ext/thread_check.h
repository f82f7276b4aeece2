/* psn.thread-check/1: on which kind of thread the caller is, for assertions in plugins.
 *
 * A host that runs with `thread_check: true` also refuses (PSN_DENIED) and logs calls of its own
 * functions from the wrong kind of thread.
 */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_THREAD_CHECK_ID "psn.thread-check/1"

#define PSN_THREAD_OTHER 0u /* one that the plugin made */
#define PSN_THREAD_CONTROL 1u
#define PSN_THREAD_LOOP 2u
#define PSN_THREAD_EXECUTOR 3u

typedef struct psn_thread_check_api {
    uint32_t struct_size;
    uint32_t reserved;
    uint32_t (*current)(const psn_host*); /* [any] PSN_THREAD_* */
} psn_thread_check_api;

#ifdef __cplusplus
}
#endif
