/* psn.heuristic/draft-1: a pure judgement of one request. Draft: may still change.
 *
 * evaluate() runs on [loop] for every request of the filter that uses it: no blocking, no I/O, well
 * under 2 microseconds. It sees facts and counters, never sockets or replies; the anti-abuse filter
 * combines the verdicts.
 */
#pragma once

#include "../../config.h"
#include "../../plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_HEURISTIC_ID "psn.heuristic/draft-1"

#define PSN_VERDICT_ABSTAIN 0u
#define PSN_VERDICT_ALLOW 1u
#define PSN_VERDICT_TAG 2u   /* adds weight only */
#define PSN_VERDICT_DELAY 3u /* delay_ms */
#define PSN_VERDICT_CHALLENGE 4u
#define PSN_VERDICT_THROTTLE 5u /* 429, retry_after_ms */
#define PSN_VERDICT_SHED 6u     /* 503, retry_after_ms */
#define PSN_VERDICT_DENY 7u

typedef struct psn_facts {
    uint32_t struct_size;
    uint32_t
        session_class; /* 0 unknown or anonymous, 1 known device, 2 signed in, 3 relying party */
    psn_str method, path, route;
    psn_str client_address;
    uint64_t prefix_key[3]; /* keyed hashes: IPv4 /32, /24, 0; IPv6 /64, /56, /48 */
    uint64_t account_key;   /* keyed hash of the addressed account; 0 = none */
    uint64_t domain_key;    /* of the e-mail domain */
    uint64_t origin_key;    /* of the site or audience */
    int64_t body_length;    /* octets; -1 unknown */
    int64_t now_ns;         /* monotonic */
    psn_stream* stream;     /* for psn.stream/1 header() alone; NULL in a replay */
} psn_facts;

typedef struct psn_verdict {
    uint32_t struct_size;
    uint32_t kind;
    uint32_t weight; /* 0..1000 */
    uint32_t delay_ms;
    uint32_t retry_after_ms;
    uint32_t level; /* of a challenge, 0..15 */
    psn_str reason; /* short id, [a-z0-9_.-]+, constant */
} psn_verdict;

typedef struct psn_outcome {
    uint32_t struct_size;
    uint32_t status;
    uint32_t code; /* from BID-AA-Outcome; 0 none */
    uint32_t cost_us;
} psn_outcome;

typedef struct psn_heuristic_factory {
    uint32_t struct_size;
    uint32_t option_count;
    const psn_option* options; /* valid for ever */
    psn_rc (*create)(const psn_host*, const psn_config*, psn_instance** out,
                     psn_err*);                                            /* [control] */
    psn_rc (*activate)(psn_instance*, psn_err*);                           /* [control] */
    void (*deactivate)(psn_instance*);                                     /* [control] */
    void (*destroy)(psn_instance*);                                        /* [control] */
    psn_rc (*evaluate)(psn_instance*, const psn_facts*, psn_verdict* out); /* [loop] */
    void (*observe)(psn_instance*, const psn_facts*, const psn_outcome*);  /* [loop], may be NULL */
} psn_heuristic_factory;

#ifdef __cplusplus
}
#endif
