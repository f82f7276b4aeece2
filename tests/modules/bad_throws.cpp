/* An exception leaves init. */
#define PLUGIN_INIT_BODY throw 42;
#include "plugin.h"
