/* The manifest is not JSON. */
#define PLUGIN_MANIFEST "id: sample"
#include "plugin.h"
