#include <iostream>

#include "libs/wsapi/endpoints.h"

/// Prints docs/api.md: `build/bin/persona-api-reference > docs/api.md`.
int main() {
    std::cout << persona::wsapi::endpointReference();
    return std::cout.good() ? 0 : 1;
}
