/* psn.executor/1: work that blocks. Each executor has a fixed number of threads and a bounded
 * queue. */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_EXECUTOR_ID "psn.executor/1"

/* On [executor]. late is 1 when the deadline passed before the work began: clean up only. */
typedef void (*psn_work_fn)(void* user, uint32_t late);

typedef struct psn_executor_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] name: under `executors:`, empty = "default". PSN_FULL: the queue is full, fn is never
     * called. PSN_NOT_FOUND: no such executor. deadline_ms 0: the executor's own; over 30 days
     * counts as that. */
    psn_rc (*submit)(const psn_host*, psn_str name, uint64_t deadline_ms, psn_work_fn, void* user);
    /* [any] 1 when the calling thread may block. */
    uint32_t (*may_block)(const psn_host*);
} psn_executor_api;

#ifdef __cplusplus
}
#endif
