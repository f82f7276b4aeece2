#include <persona/sdk/service.hpp>
#include "layout.h"

int layoutInCpp20();
int layoutInCpp20() {
    return 1;
}
