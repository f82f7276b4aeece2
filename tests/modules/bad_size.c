/* An entry table that is shorter than version 1 has it. */
#define PLUGIN_SIZE 16
#include "plugin.h"
