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
} psn_heuristic_info;

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
    /* [loop] Passes the outcome on; skipped while the breaker is open. */
    void (*observe)(const psn_host*, uint32_t index, const psn_facts*, const psn_outcome*);
} psn_heuristics_api;

#ifdef __cplusplus
}
#endif
