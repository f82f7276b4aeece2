/* The entry has another name. */
#define PLUGIN_ENTRY psn_plugin_entry_v0
#include "plugin.h"
