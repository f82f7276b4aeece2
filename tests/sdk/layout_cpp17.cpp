#include <persona/sdk/service.hpp>
#include "layout.h"

int layoutInCpp17();
int layoutInCpp17() {
    return 1;
}
