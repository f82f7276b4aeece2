#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "plugins/antiabuse/replay/replay.h"

namespace {

constexpr int kUsageError = 64, kNoInput = 66;
constexpr const char* kUsage =
    "persona-aa-replay [--options FILE] [--cookieless] [--each] HEURISTIC.so [LOG]\n"
    "Asks a heuristic about the requests of an access log (common log format; without LOG: from\n"
    "standard input) and says whom it would have hindered.\n"
    "  --options FILE   a line for each, such as \"unknown.burst: 3\"\n"
    "  --cookieless     take requests for such as came without cookies\n"
    "  --each           a line for each request that would have been hindered\n";

int complain(int code, const std::string& why) {
    std::cerr << why << "\n";
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    persona::antiabuse::ReplayOptions how;
    std::string options;
    std::vector<std::string> files;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--cookieless") {
            how.cookieless = true;
        } else if (word == "--each") {
            how.each = true;
        } else if (word == "--options" && i + 1 < argc) {
            std::ifstream in(argv[++i]);
            std::stringstream text;
            text << in.rdbuf();
            if (!in) return complain(kNoInput, std::string(argv[i]) + " cannot be read");
            options = text.str();
        } else if (word == "--help") {
            std::cout << kUsage;
            return 0;
        } else if (word.starts_with("-")) {
            return complain(kUsageError, kUsage);
        } else {
            files.push_back(word);
        }
    }
    if (files.empty() || files.size() > 2) return complain(kUsageError, kUsage);
    std::ifstream file;
    if (files.size() == 2) {
        file.open(files[1]);
        if (!file) return complain(kNoInput, files[1] + " cannot be read");
    }
    try {
        const auto result = persona::antiabuse::replay(
            files[0], options, files.size() == 2 ? file : std::cin, std::cout, how);
        persona::antiabuse::show(result, std::cout);
    } catch (const std::exception& e) {
        return complain(1, e.what());
    }
    return 0;
}
