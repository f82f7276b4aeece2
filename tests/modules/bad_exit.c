/* Ends the process, and says that all is well, before any of its functions is called. */
#include <unistd.h>

#include "plugin.h"

__attribute__((constructor)) static void leave(void) {
    _exit(0);
}
