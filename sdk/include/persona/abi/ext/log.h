/* psn.log/1: one line to the process log. Never pass secrets: whoever reads logs is not trusted. */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_LOG_ID "psn.log/1"

#define PSN_LOG_TRACE 0u
#define PSN_LOG_DEBUG 1u
#define PSN_LOG_INFO 2u
#define PSN_LOG_WARN 3u
#define PSN_LOG_ERROR 4u

typedef struct psn_log_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] 1 when lines of that level are written. */
    uint32_t (*enabled)(const psn_host*, uint32_t level);
    /* [any] Copies; control characters are escaped; cut at 4096 octets. Never blocks: when the
     * queue is full the line is dropped and counted. component: the plugin's id, or a part of it.
     */
    void (*write)(const psn_host*, uint32_t level, psn_str component, psn_str message);
} psn_log_api;

#ifdef __cplusplus
}
#endif
