/* The one symbol that a plugin exports, and the life of what it makes.
 *
 * Order, which the host keeps and tests check:
 *   psn_plugin_entry_v1 -> init -> get_factory -> factory.create -> activate -> work -> deactivate
 *   -> destroy -> (process exit) deinit
 * init, deinit, and everything of a factory but its work functions run on [control].
 * A plugin is never unmapped. It runs with all rights of the process: load only what you trust.
 * After the process has shut down in order, the host leaves by _Exit: static destructors do not
 * run.
 */
#pragma once

#include "host.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct psn_plugin_entry {
    uint32_t magic; /* PSN_ABI_MAGIC */
    uint16_t abi_major, abi_minor;
    uint32_t struct_size; /* sizeof(psn_plugin_entry) as the plugin was compiled */
    uint32_t reserved;    /* 0 */
    /* A JSON object: {"id","version","vendor","maturity":"stable|beta|experimental","kinds":[...],
     * "sdk","build","hot_swap":bool}. id: [a-z0-9-]{1,64}, unique in a process. Valid for ever. */
    psn_str manifest;
    psn_rc (*init)(const psn_host* host, psn_err* err);
    void (*deinit)(void);
    /* The factory table of that id ("psn.http-service/1", ...), or NULL when the plugin has none.
     */
    const void* (*get_factory)(psn_str id);
} psn_plugin_entry;

#if defined(__GNUC__)
#define PSN_EXPORT __attribute__((visibility("default")))
#else
#define PSN_EXPORT
#endif

/* Returns a table that stays valid for ever. Must not do anything else. */
PSN_EXPORT const psn_plugin_entry* psn_plugin_entry_v1(void);

#ifdef __cplusplus
}
#endif
