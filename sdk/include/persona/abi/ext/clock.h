/* psn.clock/1: time and randomness, from the host so that tests can set them. */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_CLOCK_ID "psn.clock/1"

typedef struct psn_clock_api {
    uint32_t struct_size;
    uint32_t reserved;
    int64_t (*wall_ms)(const psn_host*); /* [any] milliseconds since 1970-01-01 UTC; may step */
    int64_t (*monotonic_ns)(const psn_host*); /* [any] never steps back; origin unspecified */
    /* [any] n octets fit for keys. PSN_FAIL when the source fails: then do not go on. */
    psn_rc (*random)(const psn_host*, void* out, size_t n);
} psn_clock_api;

#ifdef __cplusplus
}
#endif
