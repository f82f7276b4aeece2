/* Calls a function that nobody has. */
void persona_test_nobody_has_this(void);
#define PLUGIN_INIT_BODY            \
    persona_test_nobody_has_this(); \
    return PSN_OK;
#include "plugin.h"
