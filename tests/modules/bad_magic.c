/* Wrong magic. */
#define PLUGIN_MAGIC 0x12345678u
#include "plugin.h"
