/* init ends the process in good order. */
#include <stdlib.h>
#define PLUGIN_INIT_BODY \
    exit(0);             \
    return PSN_OK;
#include "plugin.h"
