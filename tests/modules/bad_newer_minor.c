/* Built for a newer minor version than the host has. */
#define PLUGIN_MINOR (PSN_ABI_MINOR + 1)
#include "plugin.h"
