/* What the host hands to a plugin. */
#pragma once

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct psn_host {
    uint32_t struct_size; /* sizeof(psn_host) as the host was compiled */
    uint16_t abi_major;
    uint16_t abi_minor;
    psn_str name;    /* "persona-host"; a test harness has another */
    psn_str version; /* product version, for example "0.1.0" */
    /* [any] The table of that id (see ext/), or NULL. The pointer stays valid until the process
     * ends. */
    const void* (*get_extension)(const struct psn_host* host, psn_str id);
    void* reserved; /* the host's; plugins leave it alone */
} psn_host;

#ifdef __cplusplus
}
#endif
