/* Less mature than the configuration allows. */
#define PLUGIN_MANIFEST "{\"id\":\"young\",\"maturity\":\"experimental\"}"
#include "plugin.h"
