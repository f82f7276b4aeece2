/* psn.command/draft-1: words of the operator to one plugin. Draft: may still change.
 *
 * Offered by the instance of a filter (get_extension of its factory); a heuristic has it in its
 * factory. `persona-host ctl aa ...` ends here. Whoever may use the control socket may say
 * anything: a plugin checks what the words mean, not who says them.
 */
#pragma once

#include "../../plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_COMMAND_ID "psn.command/draft-1"

/* Takes the answer, JSON; called once, before command() returns. */
typedef void (*psn_say_fn)(void* user, psn_str json);

typedef struct psn_command_plugin {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control] PSN_NOT_FOUND: no such word, nothing was said. */
    psn_rc (*command)(psn_instance*, psn_str words, psn_say_fn say, void* user);
} psn_command_plugin;

#ifdef __cplusplus
}
#endif
