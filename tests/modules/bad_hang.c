/* init never returns. */
#include <unistd.h>
#define PLUGIN_INIT_BODY \
    for (;;) pause();
#include "plugin.h"
