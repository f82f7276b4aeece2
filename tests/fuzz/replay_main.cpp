#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/require.h"

/// Feeds every file of the folders named to the target. Exit status 0: all were taken.
int main(int argc, char** argv) {
    std::size_t files = 0;
    for (int i = 1; i < argc; ++i)
        for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
            std::ifstream in(entry.path(), std::ios::binary);
            const std::string text((std::istreambuf_iterator<char>(in)), {});
            LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
            ++files;
        }
    std::printf("%zu inputs\n", files);
    return files == 0 ? 1 : 0;
}
