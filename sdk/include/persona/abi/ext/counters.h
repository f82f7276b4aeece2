/* psn.counters/1: keyed counters that the host owns; they survive every swap of plugins.
 *
 * A table has a fixed number of slots. When a set is full the idlest entry is forgotten, so
 * pressure can only forgive. Keys are hashed with a secret of the process. A value is a count
 * within a window that decays linearly into the next (sliding estimate), a flag, and an expiry.
 */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_COUNTERS_ID "psn.counters/1"

typedef struct psn_counter_table psn_counter_table;

typedef struct psn_counter_spec {
    uint32_t struct_size;
    uint32_t slots;     /* rounded up to a power of two; 64 .. 16,777,216 */
    uint32_t window_ms; /* 0: plain count that never decays */
    uint32_t ttl_ms;    /* an entry that was not touched for so long is forgotten; 0: never */
} psn_counter_spec;

typedef struct psn_counter_value {
    uint64_t count; /* within the window, estimated; saturates at 2^32-1 */
    uint32_t flag;
    uint32_t age_ms; /* since the last touch */
} psn_counter_value;

typedef struct psn_counters_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] The table of that name ("plugin-id.name"), made at the first call. Another spec
     * than it was made with: a fresh table takes its place, with a warning in the log. Valid for
     * ever. */
    psn_rc (*open)(const psn_host*, psn_str name, const psn_counter_spec*, psn_counter_table** out,
                   psn_err*);
    /* [any] All below. key: 1 .. 256 octets. now: psn.clock/1 monotonic_ns. */
    psn_rc (*add)(psn_counter_table*, psn_str key, uint32_t delta, int64_t now_ns,
                  psn_counter_value* out);
    psn_rc (*get)(psn_counter_table*, psn_str key, int64_t now_ns,
                  psn_counter_value* out); /* NOT_FOUND */
    psn_rc (*set_flag)(psn_counter_table*, psn_str key, uint32_t flag, int64_t now_ns);
    psn_rc (*erase)(psn_counter_table*, psn_str key);
} psn_counters_api;

#ifdef __cplusplus
}
#endif
