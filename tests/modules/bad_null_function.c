/* deinit is missing. */
#define PLUGIN_DEINIT NULL
#include "plugin.h"
