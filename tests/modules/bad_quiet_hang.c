/* Never returns, and has closed what its end could be seen by. */
#include <unistd.h>

#include "plugin.h"

__attribute__((constructor)) static void hang(void) {
    close(1);
    close(2);
    for (;;) pause();
}
