/* psn.metric-series/draft-1: metrics that are told apart by labels, for the Prometheus page alone
 * (statsd has the plain ones of psn.metrics/1). Draft: may still change.
 *
 * Names and labels are literals of the plugin or ids of the configuration; never anything that a
 * client can choose, for every series is kept for ever.
 */
#pragma once

#include "../metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_METRIC_SERIES_ID "psn.metric-series/draft-1"

typedef struct psn_label {
    psn_str name;  /* [a-z_]{1,64} */
    psn_str value; /* at most 128 octets */
} psn_label;

typedef struct psn_metric_series_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] kind: PSN_METRIC_*. name: [a-z_]{1,128}, taken as it is where it begins with
     * "bid_aa_" and under "persona_" else; counters get "_total". The same again gives the same
     * metric, which is used by psn.metrics/1. At most 8 labels. */
    psn_rc (*declare)(const psn_host*, uint32_t kind, psn_str name, const psn_label* labels,
                      uint32_t label_count, psn_metric** out);
} psn_metric_series_api;

#ifdef __cplusplus
}
#endif
