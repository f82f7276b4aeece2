#include "layout.h"

int layoutInC11(void);
int layoutInC11(void) {
    return 1;
}
