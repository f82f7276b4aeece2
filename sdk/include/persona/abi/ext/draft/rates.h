/* psn.rates/draft-1: rate limits for very many keys in a fixed room. Draft: may still change.
 *
 * GCRA: for each key the table remembers one time, 8 octets, until when its budget is spent. A slot
 * holds 32 bits of the keyed hash of (key, rule) and that time in milliseconds; a set of 8 is one
 * cache line. When a set is full the most idle key is forgotten, so pressure forgives the light
 * ones and keeps the heavy ones. Concurrent calls may lose a charge: that too can only forgive.
 * Tables belong to the host and survive every swap; changed limits apply to the times that are
 * there.
 */
#pragma once

#include "../../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_RATES_ID "psn.rates/draft-1"

typedef struct psn_rate_table psn_rate_table;

typedef struct psn_rate_spec {
    uint32_t struct_size;
    uint32_t slots;   /* rounded up to a power of two; 64 .. 67,108,864; 8 octets each */
    uint32_t persist; /* 1: kept over a restart of the process */
    uint32_t reserved;
} psn_rate_spec;

typedef struct psn_rate_limit {
    uint32_t interval_ms; /* of one unit at the sustained rate, 1 .. 86,400,000 */
    uint32_t burst;       /* units at once; interval_ms * burst is at most 7 days */
} psn_rate_limit;

typedef struct psn_rate_answer {
    uint32_t allowed;        /* 1: within the budget */
    uint32_t retry_after_ms; /* when not: until one more of the same cost would be */
    uint32_t spent_ms;       /* how much of interval_ms * burst is spent, after the call */
    uint32_t reserved;
} psn_rate_answer;

typedef struct psn_rates_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] The table of that name ("plugin-id.name"), as psn.counters/1 open. */
    psn_rc (*open)(const psn_host*, psn_str name, const psn_rate_spec*, psn_rate_table** out,
                   psn_err*);
    /* [any] All below. key: 64 bits, from whatever; it is hashed again with the table's secret.
     * rule tells limits of one table apart. now: psn.clock/1 monotonic_ns. PSN_INVALID: a limit out
     * of range. take: spends cost units when they are there; what is refused spends nothing. */
    psn_rc (*take)(psn_rate_table*, uint64_t key, uint32_t rule, const psn_rate_limit*,
                   uint32_t cost, int64_t now_ns, psn_rate_answer* out);
    /* What take would say. */
    psn_rc (*peek)(psn_rate_table*, uint64_t key, uint32_t rule, const psn_rate_limit*,
                   uint32_t cost, int64_t now_ns, psn_rate_answer* out);
    /* Spends in any case, at most to twice the burst: a strike. */
    psn_rc (*charge)(psn_rate_table*, uint64_t key, uint32_t rule, const psn_rate_limit*,
                     uint32_t cost, int64_t now_ns, psn_rate_answer* out);
    psn_rc (*forget)(psn_rate_table*, uint64_t key, uint32_t rule);
    /* Gives back what take() or charge() spent; never more than is spent now. */
    psn_rc (*refund)(psn_rate_table*, uint64_t key, uint32_t rule, const psn_rate_limit*,
                     uint32_t cost, int64_t now_ns);
    /* The key will be asked about soon: several at once wait for memory together. */
    void (*prefetch)(const psn_rate_table*, uint64_t key, uint32_t rule);
} psn_rates_api;

#ifdef __cplusplus
}
#endif
