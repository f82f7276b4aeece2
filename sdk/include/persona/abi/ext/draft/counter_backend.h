/* psn.counter-backend/draft-1: a place where several processes put their counts together, kind
 * "counter-backend". Draft: may still change; structures grow at their end alone.
 *
 * Every process goes on deciding by its own tables (psn.rates/draft-1). The host collects what was
 * spent and given back in those that are shared, and has it exchanged several times a second on a
 * thread of its own; what comes back is put into the tables. No request waits for it, whatever the
 * backend does. Schedule, breaker and bounds are the host's; a backend only carries.
 */
#pragma once

#include "../../config.h"
#include "../../plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_COUNTER_BACKEND_ID "psn.counter-backend/draft-1"

/* What became of one key in this process since it last spoke. Times are milliseconds of a GCRA
 * budget (psn_rate_answer.spent_ms). */
typedef struct psn_shared_change {
    psn_str table;       /* its name */
    uint64_t key;        /* as the heuristic gave it: a keyed hash, never an address */
    int64_t delta_ms;    /* spent; under 0: given back, or all of it forgotten */
    int64_t at_least_ms; /* not 0: the others may have lost it, they take the larger of both */
    uint32_t rule;
    uint32_t window_ms; /* the whole budget: from half of it on, everybody is told */
} psn_shared_change;

/* How much is spent of one key, by all together. */
typedef struct psn_shared_value {
    psn_str table; /* valid during the call */
    uint64_t key;
    int64_t spent_ms;
    uint32_t rule;
    uint32_t reserved;
} psn_shared_value;

typedef struct psn_shared_exchange {
    uint32_t struct_size;
    uint32_t change_count;
    const psn_shared_change* changes;
    void* user;
    /* Called for each key that was changed by anybody after `cursor` and is, or was, spent by half
     * or more; at most 4096 in one exchange, the oldest first. */
    void (*tell)(void* user, const psn_shared_value*);
    /* In: as the last exchange left them, 0 at first. Out: where the next one goes on. An epoch
     * that changes says that the backend has lost what it knew; then the cursor begins again. */
    uint64_t epoch, cursor;
    uint32_t peers; /* out: processes that exchanged within 5 s, this one included */
    uint32_t more;  /* out: 1: there are further values, ask again at once */
} psn_shared_exchange;

typedef struct psn_counter_backend_factory {
    uint32_t struct_size;
    uint32_t option_count;
    const psn_option* options; /* valid for ever */
    psn_rc (*create)(const psn_host*, const psn_config*, psn_instance** out,
                     psn_err*);                  /* [control] must not wait for the backend */
    psn_rc (*activate)(psn_instance*, psn_err*); /* [control] nor this */
    void (*deactivate)(psn_instance*);           /* [control], after the last exchange */
    void (*destroy)(psn_instance*);              /* [control] */
    /* [the thread of the exchanges] Returns within deadline_ms, connected or not. Not PSN_OK:
     * psn_err says why; whether the changes have arrived is then unknown, and they are not sent
     * again as deltas. */
    psn_rc (*exchange)(psn_instance*, psn_shared_exchange*, uint32_t deadline_ms, psn_err*);
} psn_counter_backend_factory;

#ifdef __cplusplus
}
#endif
