#include <persona/sdk/filter.hpp>
#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/service.hpp>
#include "layout.h"
#include "wrappers.h"

int layoutInCpp20();
int layoutInCpp20() {
    return wrappersWork() ? 1 : 0;
}
