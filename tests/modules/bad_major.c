/* Built for another major version. */
#define PLUGIN_MAJOR (PSN_ABI_MAJOR + 1)
#include "plugin.h"
