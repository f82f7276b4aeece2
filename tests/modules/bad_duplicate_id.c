/* Another file with the id of good.c. */
#include "plugin.h"

const char* const kOther = "not the same octets as good.c";
