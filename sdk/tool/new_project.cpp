#include "new_project.h"

#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace persona::tool {

namespace fs = std::filesystem;

namespace {

/// share/persona-sdk/template beside bin/ of this program, in an installed tree and in a build.
fs::path templates() {
    char self[4096];
    const auto n = ::readlink("/proc/self/exe", self, sizeof self);
    if (n <= 0) throw std::runtime_error("this program cannot find itself");
    const auto prefix =
        fs::path(std::string(self, static_cast<std::size_t>(n))).parent_path().parent_path();
    return prefix / "share" / "persona-sdk" / "template";
}

bool isName(const std::string& name) {
    if (name.empty() || name.size() > 64 || std::islower(static_cast<unsigned char>(name[0])) == 0)
        return false;
    for (const char c : name)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    return name.back() != '-';
}

std::string className(const std::string& name) {
    std::string out;
    bool upper = true;
    for (const char c : name) {
        if (c == '-') {
            upper = true;
            continue;
        }
        out.push_back(upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c);
        upper = false;
    }
    return out;
}

void replaceAll(std::string& text, const std::string& what, const std::string& with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

}  // namespace

std::string newProject(const std::string& name, const std::string& kind,
                       const std::string& directory) {
    if (!isName(name))
        throw std::runtime_error(
            "a plugin's name is 1 to 64 of [a-z0-9-] and begins with a letter: \"" + name + "\"");
    const auto from = templates() / kind;
    if (kind.find('/') != std::string::npos || !fs::is_directory(from))
        throw std::runtime_error("no template '" + kind + "' in " + templates().string() +
                                 "; there are heuristic, http-filter and http-service");
    const fs::path to = directory.empty() ? name : directory;
    if (fs::exists(to) && !fs::is_empty(to))
        throw std::runtime_error(to.string() + " is there and not empty");
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in(entry.path(), std::ios::binary);
        std::string text((std::istreambuf_iterator<char>(in)), {});
        auto target = fs::relative(entry.path(), from).string();
        for (auto* part : {&text, &target}) {
            replaceAll(*part, "@NAME@", name);
            replaceAll(*part, "@CLASS@", className(name));
            replaceAll(*part, "@SDK@", PERSONA_VERSION);
        }
        const auto file = to / target;
        fs::create_directories(file.parent_path());
        std::ofstream out(file, std::ios::binary);
        out << text;
        if (!out.flush()) throw std::runtime_error(file.string() + " cannot be written");
    }
    return to.string();
}

}  // namespace persona::tool
