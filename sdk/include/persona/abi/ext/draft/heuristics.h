/* psn.heuristics/draft-1: the heuristics that the configuration lists, for the filter that combines
 * their verdicts. Draft: may still change.
 *
 * The host times every call (the block's budget), keeps a breaker for each heuristic, and applies
 * its on_error; the filter sees a verdict in every case and learns from the result whose it is.
 * The list does not change during the life of a filter: both belong to one generation.
 */
#pragma once

#include "heuristic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_HEURISTICS_ID "psn.heuristics/draft-1"

typedef struct psn_heuristic_info {
    uint32_t struct_size;
    uint32_t deny_on_error; /* 1: on_error is deny */
    psn_str id;             /* of its block in the configuration */
    psn_str plugin;         /* id of the plugin */
    psn_str version;        /* of the plugin */
    psn_str hash;           /* SHA-256 of its image, hex */
    uint32_t routes;        /* bits 1 << PSN_ROUTE_* of what this instance looks at */
    uint32_t challenges;    /* 1: it can make challenges */
} psn_heuristic_info;

/* Since it was made. */
typedef struct psn_heuristic_stats {
    uint32_t struct_size;
    uint32_t open; /* 1: its breaker is open, or it is quarantined */
    uint64_t calls, faults;
    uint64_t over_budget; /* calls that took longer than the block's `budget` */
} psn_heuristic_stats;

typedef struct psn_heuristics_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] How many there are; they are numbered from 0 in the order of the configuration. */
    uint32_t (*count)(const psn_host*);
    /* [any] Views stay valid as long as the filter. PSN_NOT_FOUND: no such number. */
    psn_rc (*describe)(const psn_host*, uint32_t index, psn_heuristic_info* out);
    /* [loop] out is filled in every case but PSN_NOT_FOUND. PSN_OK: the heuristic's own verdict.
     * Else on_error speaks (ABSTAIN or DENY) and reason says why: PSN_FAIL "fault": it failed or
     * threw; PSN_DENIED "breaker": it was not called; PSN_GONE "quarantine": it is not called
     * until the next start. */
    psn_rc (*evaluate)(const psn_host*, uint32_t index, const psn_facts*, psn_verdict* out);
    /* [loop] Passes the outcome on: once for every evaluate() that returned PSN_OK, and only then;
     * what evaluate() counted up is counted down here. */
    void (*observe)(const psn_host*, uint32_t index, const psn_facts*, const psn_outcome*);
    /* [loop] PSN_NOT_FOUND: no such number, or it makes none; PSN_FAIL. */
    psn_rc (*challenge)(const psn_host*, uint32_t index, const psn_facts*, const psn_verdict*,
                        psn_challenge* out);
    psn_rc (*stats)(const psn_host*, uint32_t index, psn_heuristic_stats* out); /* [any] */
    /* [control] See psn_heuristic_factory.command. */
    psn_rc (*command)(const psn_host*, uint32_t index, psn_str words,
                      void (*say)(void* user, psn_str json), void* user);
    /* [loop] evaluate() of all whose bit 1 << index is in `which`, in their order, without those
     * that look for none of these facts (psn_heuristic_factory.facts). `heard` is told of whoever
     * has something to say or fails, before the next one is asked, and may change the facts; views
     * are valid until it returns. Bits of those that returned PSN_OK. */
    uint64_t (*evaluate_all)(const psn_host*, uint64_t which, const psn_facts*,
                             void (*heard)(void* user, uint32_t index, psn_rc, const psn_verdict*),
                             void* user);
    /* [loop] prepare() of the same, before evaluate_all(): as soon as routes and keys are known. */
    void (*prepare_all)(const psn_host*, uint64_t which, const psn_facts*);
} psn_heuristics_api;

#ifdef __cplusplus
}
#endif
