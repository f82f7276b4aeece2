/* psn.self-check/1: a plugin's own test of itself, before it gets requests.
 *
 * Offered by the instance (get_extension of its factory). The host calls it once after activate,
 * while a new generation is warm and has no traffic; a failure refuses the generation.
 */
#pragma once

#include "../plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_SELF_CHECK_ID "psn.self-check/1"

typedef struct psn_self_check_plugin {
    uint32_t struct_size;
    uint32_t reserved;
    psn_rc (*check)(psn_instance*, psn_err*); /* [control] at most a second */
} psn_self_check_plugin;

#ifdef __cplusplus
}
#endif
