/* init never returns. */
#include <unistd.h>
#define PLUGIN_INIT_BODY \
    for (;;) pause();    \
    return PSN_OK;
#include "plugin.h"
