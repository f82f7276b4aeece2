/* A whole plugin in a few macros; each file beside this one changes exactly one thing. */
#pragma once

#include <persona/abi/plugin.h>

#ifndef PLUGIN_ID
#define PLUGIN_ID "sample"
#endif
#ifndef PLUGIN_MANIFEST
#define PLUGIN_MANIFEST                                                    \
    "{\"id\":\"" PLUGIN_ID                                                 \
    "\",\"version\":\"1.0\",\"vendor\":\"tests\",\"maturity\":\"stable\"," \
    "\"kinds\":[]}"
#endif
#ifndef PLUGIN_MAGIC
#define PLUGIN_MAGIC PSN_ABI_MAGIC
#endif
#ifndef PLUGIN_MAJOR
#define PLUGIN_MAJOR PSN_ABI_MAJOR
#endif
#ifndef PLUGIN_MINOR
#define PLUGIN_MINOR PSN_ABI_MINOR
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(psn_plugin_entry)
#endif
#ifndef PLUGIN_ENTRY
#define PLUGIN_ENTRY psn_plugin_entry_v1
#endif
#ifndef PLUGIN_INIT_BODY
#define PLUGIN_INIT_BODY return PSN_OK;
#endif
#ifndef PLUGIN_DEINIT
#define PLUGIN_DEINIT pluginDeinit
#endif

static psn_rc pluginInit(const psn_host* host, psn_err* err) {
    (void)host;
    (void)err;
    PLUGIN_INIT_BODY
}
static inline void pluginDeinit(void) {}
static const void* pluginFactory(psn_str id) {
    (void)id;
    return NULL;  // NOLINT(modernize-use-nullptr): for C as well
}
static const psn_plugin_entry kEntry = {PLUGIN_MAGIC,
                                        PLUGIN_MAJOR,
                                        PLUGIN_MINOR,
                                        (uint32_t)(PLUGIN_SIZE),
                                        0,
                                        {PLUGIN_MANIFEST, sizeof(PLUGIN_MANIFEST) - 1},
                                        pluginInit,
                                        PLUGIN_DEINIT,
                                        pluginFactory};

#ifdef __cplusplus
extern "C" PSN_EXPORT const psn_plugin_entry* PLUGIN_ENTRY(void);
#else
PSN_EXPORT const psn_plugin_entry* PLUGIN_ENTRY(void);
#endif
const psn_plugin_entry* PLUGIN_ENTRY(void) {
    return &kEntry;
}
