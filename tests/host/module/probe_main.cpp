/// The probing half of persona-host alone, so that the module tests need nothing else of it.
#include <cstring>

#include "host/module/module.h"

int main(int argc, char** argv) {
    if (argc != 3 || std::strcmp(argv[1], "--probe-plugin") != 0) return 64;
    return persona::host::module::probeMain(argv[2]);
}
