/* An id with letters that ids do not have. */
#define PLUGIN_ID "Sample Plugin"
#include "plugin.h"
