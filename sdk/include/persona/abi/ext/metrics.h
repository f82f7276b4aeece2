/* psn.metrics/1: counters and timings, sent to statsd and shown as Prometheus text.
 *
 * Names get the prefix "browserid.<service>." where <service> is the id of the service or filter
 * block. Declare at create; never build a name from a client's input.
 */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_METRICS_ID "psn.metrics/1"

#define PSN_METRIC_COUNTER 1u
#define PSN_METRIC_TIMING 2u /* milliseconds */
#define PSN_METRIC_GAUGE 3u

typedef struct psn_metric psn_metric;

typedef struct psn_metrics_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] name: [a-z0-9_.-]{1,128}. The same name again gives the same metric. */
    psn_rc (*declare)(const psn_host*, uint32_t kind, psn_str name, psn_metric** out);
    void (*add)(psn_metric*, int64_t delta);     /* [any] COUNTER, GAUGE */
    void (*set)(psn_metric*, int64_t value);     /* [any] GAUGE */
    void (*observe)(psn_metric*, double millis); /* [any] TIMING */
} psn_metrics_api;

#ifdef __cplusplus
}
#endif
