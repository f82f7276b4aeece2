/* psn.heuristic/draft-1: a pure judgement of one request. Draft: may still change; structures grow
 * at their end alone, and a factory that ends before `routes` is taken as well.
 *
 * evaluate() runs on [loop] for every request of the filter that uses it, on several loops at once:
 * no blocking, no I/O, well under 2 microseconds. It charges at once; observe() follows exactly
 * once for every evaluate() that returned PSN_OK, also when the request was refused or cut: gauges
 * go down there, and what was charged is given back when flags say PSN_ENDED_REFUSED. The filter
 * combines the verdicts by their modes; a heuristic does not know its mode.
 */
#pragma once

#include "../../config.h"
#include "../../plugin.h"
#include "facts.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_HEURISTIC_ID "psn.heuristic/draft-1"

/* In the order of their strength; the strictest enforced one counts, and ALLOW before all. */
#define PSN_VERDICT_ABSTAIN 0u
#define PSN_VERDICT_ALLOW 1u /* of lists alone: nothing else counts */
#define PSN_VERDICT_TAG 2u   /* adds weight only */
#define PSN_VERDICT_DELAY 3u /* delay_ms */
#define PSN_VERDICT_CHALLENGE 4u
#define PSN_VERDICT_THROTTLE 5u /* 429, retry_after_ms */
#define PSN_VERDICT_SHED 6u     /* 503, retry_after_ms */
#define PSN_VERDICT_DENY 7u     /* 403 */
#define PSN_VERDICT_DROP 8u     /* the connection is closed without an answer */

/* psn_verdict.grants: what this heuristic vouches for; those after it see it in the facts. */
#define PSN_GRANT_PAID 1u         /* a challenge was solved: no other is put */
#define PSN_GRANT_KNOWN_DEVICE 2u /* the browser is known to the account it names */
#define PSN_GRANT_STANDING 4u     /* a relying party in good standing */
#define PSN_GRANT_LOWEST 8u       /* priority 4, whatever else is known */

/* psn_verdict.hints, passed to the role in BID-AA-Ask when the verdict is enforced. They can only
 * restrict: a role that is told so by a stranger does less, never more. */
#define PSN_HINT_SKIP_MAIL 1u /* "skip-mail": answer as ever, send nothing */
#define PSN_HINT_STEP_UP 2u   /* "step-up": no password counts; answer as for a wrong one */
#define PSN_HINT_UNTRUSTED 4u /* "untrusted": hash in the share of strangers */
#define PSN_HINT_CACHED 8u    /* "cached": ask no provider; answer from what is known */

/* psn_verdict.challenge_kind */
#define PSN_CHALLENGE_ANY 0u  /* work, or a wait where the client has no means for it */
#define PSN_CHALLENGE_MAIL 1u /* a link by mail */

typedef struct psn_verdict {
    uint32_t struct_size;
    uint32_t kind;
    uint32_t weight; /* 0..1000; counts with every kind */
    uint32_t delay_ms;
    uint32_t retry_after_ms;
    uint32_t level;            /* of a challenge, 0..15 */
    psn_str reason;            /* the rule: short id, [a-z0-9_.-]+, a literal of the plugin */
    uint64_t key;              /* by which it was judged, for the explain line */
    uint32_t budget, observed; /* of the rule, for the explain line and the RateLimit fields */
    uint32_t window_ms;        /* in which the budget comes back; 0: no budget */
    uint32_t box_ms;           /* the prefix goes into the penalty box for so long */
    uint32_t grants;           /* PSN_GRANT_*; also with ABSTAIN */
    uint32_t hints;            /* PSN_HINT_*; also with ABSTAIN, then in force unless off */
    uint32_t challenge_kind;   /* PSN_CHALLENGE_* */
    uint32_t reserved;
    psn_str set_cookie; /* Set-Cookie of the answer; valid until the next call on this thread */
} psn_verdict;

/* A challenge to be put; views are valid until the next call on this thread. */
typedef struct psn_challenge {
    uint32_t struct_size;
    uint32_t retry_after_ms;
    psn_str header; /* value of BID-Challenge */
    psn_str body;   /* application/json */
} psn_challenge;

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
    /* Bits 1 << PSN_ROUTE_*: it is asked about these alone; 0: about all. */
    uint32_t routes;
    /* Bits PSN_FACT_*: it is asked about what has one of these alone; 0: about all. */
    uint32_t facts;
    /* [loop] May be NULL. Makes the challenge that the verdicts ask for (combined: kind, level,
     * weight, retry_after_ms). Not PSN_OK: there is none for this client, it is throttled. */
    psn_rc (*challenge)(psn_instance*, const psn_facts*, const psn_verdict*, psn_challenge* out);
    /* [control] May be NULL. `persona-host ctl aa`: a word of the operator ("list", "block ...");
     * answers through `say`, once, with JSON. PSN_NOT_FOUND: no such word. */
    psn_rc (*command)(psn_instance*, psn_str words, void (*say)(void* user, psn_str json),
                      void* user);
    /* [control] May be NULL. Those of `routes` about which this instance, with its options, can
     * have anything to say at all; asked once, after create. */
    uint32_t (*routes_of)(psn_instance*);
    /* [loop] May be NULL. Asks the memory for what evaluate() will look at (prefetch), so that all
     * heuristics of a request wait for it together. Reads and changes nothing; evaluate() mostly
     * follows, but need not. */
    void (*prepare)(psn_instance*, const psn_facts*);
} psn_heuristic_factory;

#ifdef __cplusplus
}
#endif
