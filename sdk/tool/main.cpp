#include <dlfcn.h>
#include <persona/abi/http_filter.h>
#include <persona/abi/http_service.h>
#include <persona/abi/plugin.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "new_project.h"
#include "persona/abi/ext/draft/heuristic.h"
#include "persona/testing/conformance.hpp"

/// persona-plugin: looks at plugins, tries them, begins new ones.
namespace persona::tool {
namespace {

constexpr const char* kUsage =
    "persona-plugin inspect FILE                  manifest, ABI, exports and options of a plugin\n"
    "persona-plugin check FILE [--options FILE]   conformance suite; exit status 1 when one fails\n"
    "persona-plugin new NAME [--kind heuristic|http-filter|http-service] [--dir DIR]\n"
    "                                             a complete project: builds, tests, runs\n"
    "persona-plugin exports FILE                  exit status 1 unless it exports its entry alone\n"
    "persona-plugin version\n";

constexpr int kOk = 0, kFailed = 1, kBadUsage = 64;

std::string text(psn_str s) {
    return s.n == 0 ? std::string() : std::string(s.p, s.n);
}

const char* typeName(psn_option_type type) {
    static constexpr const char* kNames[] = {"?",        "string", "int",  "bool", "double",
                                             "duration", "size",   "list", "enum", "map"};
    return type < std::size(kNames) ? kNames[type] : "?";
}

void printOptions(const char* kind, const psn_option* options, std::uint32_t count) {
    std::printf("kind      %s\n", kind);
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto& o = options[i];
        std::string notes;
        if ((o.flags & PSN_OPT_REQUIRED) != 0) notes += " required";
        if ((o.flags & PSN_OPT_SECRET) != 0) notes += " secret";
        if (o.min != 0 || o.max != 0)
            notes += " " + std::to_string(o.min) + ".." + std::to_string(o.max);
        if (o.choices.n != 0) notes += " " + text(o.choices);
        std::printf("option    %-28s %-9s %-12s%s  %s\n", text(o.name).c_str(), typeName(o.type),
                    text(o.def).c_str(), notes.c_str(), text(o.doc).c_str());
    }
}

template <typename T>
void printKind(const psn_plugin_entry& e, const char* id) {
    const std::string_view name(id);
    const auto* f = static_cast<const T*>(e.get_factory({name.data(), name.size()}));
    if (f != nullptr) printOptions(id, f->options, f->option_count);
}

int inspect(const std::string& file) {
    const auto exports = testing::exportedSymbols(file);
    void* image = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (image == nullptr) throw std::runtime_error(::dlerror());
    using Entry = const psn_plugin_entry* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(image, "psn_plugin_entry_v1"));
    const auto* e = entry == nullptr ? nullptr : entry();
    if (e == nullptr || e->magic != PSN_ABI_MAGIC)
        throw std::runtime_error(file +
                                 ": not a Persona plugin (no psn_plugin_entry_v1, or magic)");
    std::printf("file      %s\nabi       %u.%u (this SDK: %d.%d)\nmanifest  %s\n", file.c_str(),
                e->abi_major, e->abi_minor, PSN_ABI_MAJOR, PSN_ABI_MINOR,
                text(e->manifest).c_str());
    for (const auto& name : exports) std::printf("export    %s\n", name.c_str());
    if (e->abi_major != PSN_ABI_MAJOR || e->get_factory == nullptr) return kFailed;
    printKind<psn_http_filter_factory>(*e, PSN_HTTP_FILTER_ID);
    printKind<psn_heuristic_factory>(*e, PSN_HEURISTIC_ID);
    printKind<psn_http_service_factory>(*e, PSN_HTTP_SERVICE_ID);
    return kOk;
}

int check(const std::string& file, const std::string& options_file) {
    std::string options;
    if (!options_file.empty()) {
        std::ifstream in(options_file);
        if (!in) throw std::runtime_error(options_file + ": cannot be read");
        options.assign(std::istreambuf_iterator<char>(in), {});
    }
    bool all = true;
    for (const auto& c : testing::conformance(file, options)) {
        all = all && c.ok;
        std::printf("%-6s %s%s%s\n", c.ok ? "ok" : "FAILED", c.name.c_str(),
                    c.detail.empty() ? "" : ": ", c.detail.c_str());
    }
    return all ? kOk : kFailed;
}

/// Value of `--name VALUE`, taken out of the arguments.
std::string take(std::vector<std::string>& args, const std::string& name,
                 const std::string& fallback) {
    for (std::size_t i = 0; i + 1 < args.size(); ++i)
        if (args[i] == name) {
            auto value = args[i + 1];
            args.erase(args.begin() + static_cast<std::ptrdiff_t>(i),
                       args.begin() + static_cast<std::ptrdiff_t>(i) + 2);
            return value;
        }
    return fallback;
}

int main(std::vector<std::string> args) {
    const auto command = args.empty() ? std::string("help") : args.front();
    if (!args.empty()) args.erase(args.begin());
    if (command == "version") {
        std::printf("persona-plugin %s (ABI %d.%d)\n", PERSONA_VERSION, PSN_ABI_MAJOR,
                    PSN_ABI_MINOR);
        return kOk;
    }
    if (command == "inspect" && args.size() == 1) return inspect(args.front());
    if (command == "exports" && args.size() == 1) {
        const auto wrong = testing::wrongExports(args.front());
        if (wrong.empty()) return kOk;
        std::fprintf(stderr, "%s: %s\n", args.front().c_str(), wrong.c_str());
        return kFailed;
    }
    if (command == "check") {
        const auto options = take(args, "--options", "");
        if (args.size() == 1) return check(args.front(), options);
    }
    if (command == "new") {
        const auto kind = take(args, "--kind", "heuristic");
        const auto directory = take(args, "--dir", "");
        if (args.size() == 1) {
            const auto where = newProject(args.front(), kind, directory);
            std::printf(
                "%s is ready. Next:\n  cmake -S %s -B %s/build && cmake --build %s/build && ctest "
                "--test-dir %s/build\n",
                where.c_str(), where.c_str(), where.c_str(), where.c_str(), where.c_str());
            return kOk;
        }
    }
    const bool asked = command == "help" || command == "-h" || command == "--help";
    (asked ? std::cout : std::cerr) << kUsage;
    return asked ? kOk : kBadUsage;
}

}  // namespace
}  // namespace persona::tool

int main(int argc, char** argv) {
    try {
        return persona::tool::main(std::vector<std::string>(argv + 1, argv + argc));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "persona-plugin: %s\n", e.what());
        return 1;
    }
}
