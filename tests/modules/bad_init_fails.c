/* init says no, with a reason. */
#include <string.h>
#define PLUGIN_INIT_BODY                      \
    if (err->cap >= 12) {                     \
        memcpy(err->buf, "no such disk", 12); \
        err->len = 12;                        \
    }                                         \
    return PSN_FAIL;
#include "plugin.h"
