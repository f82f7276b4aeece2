/* psn.admin/1: commands that a plugin answers for the people who run the service.
 *
 * Offered by the instance of a role (get_extension of its factory). The host lists the commands and
 * carries them over the control socket alone, whose file permissions say who may: `persona-host
 * accounts find ...`. It writes a line to the log for each, with the name of the command and who
 * asked, and without the arguments, which may be private. What a command changed is for the plugin
 * to say in the log, in words that are not.
 */
#pragma once

#include "../plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_ADMIN_ID "psn.admin/1"

#define PSN_ADMIN_CHANGES 1u /* changes something: said to the log as a warning */

typedef struct psn_admin_command {
    psn_str name;      /* one to three words of [a-z0-9-] with single blanks: "accounts find" */
    psn_str arguments; /* for the help: "ADDRESS" */
    psn_str help;      /* one line */
    uint32_t min_arguments, max_arguments; /* others are refused before run() */
    uint32_t flags;
    uint32_t reserved;
} psn_admin_command;

/* One call. Views are valid until run() returns. */
typedef struct psn_admin_call {
    uint32_t struct_size;
    uint32_t command; /* index among commands() */
    const psn_str* arguments;
    uint32_t argument_count;
    uint32_t json;                           /* 1: the answer is wanted as one JSON value */
    psn_str from;                            /* who asks: "uid 1000" */
    void* out;                               /* passed to write */
    void (*write)(void* out, psn_str piece); /* appends to the answer; at most 16 MiB */
} psn_admin_call;

typedef struct psn_admin_plugin {
    uint32_t struct_size;
    uint32_t reserved;
    /* [control], after create. Valid until destroy. */
    const psn_admin_command* (*commands)(psn_instance*, uint32_t* count);
    /* [executor], between activate and deactivate; may block; the operator's end
     * waits for 60 s, and the work goes on when it is gone. Not PSN_OK: psn_err
     * says why and what to do. PSN_INVALID: the arguments are wrong. PSN_UNREACHABLE: what it works
     * with does not answer. */
    psn_rc (*run)(psn_instance*, const psn_admin_call*, psn_err*);
} psn_admin_plugin;

#ifdef __cplusplus
}
#endif
