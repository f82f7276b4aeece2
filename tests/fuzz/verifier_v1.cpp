#include "tests/fuzz/verifier_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    persona::fuzz::askVerifier(data, size, "/verify");
    return 0;
}
