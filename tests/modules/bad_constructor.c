/* Crashes before any of its functions is called. */
#include <stdlib.h>

#include "plugin.h"

__attribute__((constructor)) static void crash(void) {
    abort();
}
