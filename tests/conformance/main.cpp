#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/conformance/vectors.h"

/// persona-vectors DIR [--http]: runs every vector file of format browserid-vectors/1 in DIR, and
/// with --http those of the verifier over HTTP too. Exit status 0 only without a mismatch.
namespace persona::conformance {
namespace {

struct Kind {
    Runner in_process, over_http;  ///< the second may be empty
};

/// By the file's own name for its kind; where that is another one, by the shape of its cases.
std::optional<Kind> kindOf(const Json& file) {
    static const std::map<std::string, Kind> kKinds{{"keys", {runKeys, {}}},
                                                    {"jws", {runJws, {}}},
                                                    {"bundles", {runBundles, runBundlesHttp}},
                                                    {"audiences", {runAudiences, {}}},
                                                    {"wellknown", {runWellknown, {}}},
                                                    {"discovery", {runDiscovery, {}}},
                                                    {"emails", {runEmails, {}}},
                                                    {"http_verify", {runRequests, runRequestsHttp}},
                                                    {"keysigner", {runKeysigner, {}}},
                                                    {"address_info", {runAddressInfo, {}}}};
    if (const auto it = kKinds.find(at(file, "file").text()); it != kKinds.end()) return it->second;
    if (file.find("parse_cases") != nullptr) return kKinds.at("keys");
    const auto& cases = at(file, "cases").items();
    if (cases.empty()) return std::nullopt;
    static constexpr std::pair<const char*, const char*> kMarks[] = {
        {"token", "jws"},
        {"assertion_audience", "audiences"},
        {"response", "address_info"},
        {"email", "emails"},
        {"domain", "discovery"},
        {"body", "wellknown"}};
    for (const auto& [member, kind] : kMarks)
        if (cases.front().find(member) != nullptr) return kKinds.at(kind);
    const auto& request = at(cases.front(), "request");
    if (request.find("method") != nullptr) return kKinds.at("http_verify");
    if (request.find("pubkey") != nullptr || request.find("ephemeral") != nullptr)
        return kKinds.at("keysigner");
    if (request.find("assertion") != nullptr) return kKinds.at("bundles");
    return std::nullopt;
}

/// False: a mismatch, or the file could not be run.
bool runFile(const std::filesystem::path& path, bool http, std::size_t& cases) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    const auto name = path.filename().string();
    const auto file = Json::parse(text.str());
    if (!file || !file->isObject()) {
        std::printf("%s: not a JSON object that this library takes\n", name.c_str());
        return false;
    }
    if (at(*file, "format").text() != "browserid-vectors/1") {
        std::printf("%-24s not of format browserid-vectors/1, passed over\n", name.c_str());
        return true;
    }
    const auto kind = kindOf(*file);
    if (!kind) {
        std::printf("%s: a kind of vectors that is not known here\n", name.c_str());
        return false;
    }
    bool clean = true;
    for (const bool over_http : {false, true}) {
        const auto& run = over_http ? kind->over_http : kind->in_process;
        if (!run || (over_http && !http)) continue;
        Report report(name + (over_http ? " (HTTP)" : ""));
        try {
            run(*file, report);
        } catch (const std::exception& e) {
            report.check(false, e.what());
        }
        report.print();
        cases += report.cases();
        clean = clean && report.clean();
    }
    return clean;
}

}  // namespace
}  // namespace persona::conformance

int main(int argc, char** argv) {
    const bool http = argc == 3 && std::strcmp(argv[2], "--http") == 0;
    if (argc < 2 || (argc == 3 && !http) || argc > 3 || argv[1][0] == '-') {
        std::fprintf(stderr, "usage: persona-vectors DIR [--http]\n");
        return 64;
    }
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1], error))
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    if (error || files.empty()) {
        std::fprintf(stderr, "persona-vectors: no .json file in %s %s\n", argv[1],
                     error ? error.message().c_str() : "");
        return 66;
    }
    std::sort(files.begin(), files.end());
    std::size_t failed = 0, cases = 0;
    for (const auto& f : files)
        if (!persona::conformance::runFile(f, http, cases)) ++failed;
    std::printf("%zu files, %zu cases, %zu files with mismatches\n", files.size(), cases, failed);
    return failed == 0 ? 0 : 1;
}
