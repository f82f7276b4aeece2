/* The sound one, beside which the others differ. */
#include "plugin.h"
