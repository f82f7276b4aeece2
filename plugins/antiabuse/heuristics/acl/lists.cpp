#include "plugins/antiabuse/heuristics/acl/lists.h"

#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <sstream>

namespace persona::antiabuse {

namespace {

Result<addresses::PrefixSet> readList(const std::string& file) {
    if (file.empty()) return addresses::PrefixSet();
    std::ifstream in(file, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) return Error{file + " cannot be read; check the path and its permissions"};
    auto all = addresses::parsePrefixList(text.str());
    if (!all) return Error{file + ": " + all.error()};
    return addresses::PrefixSet(*all);
}

}  // namespace

Result<Lists> readLists(const std::string& allow, const std::string& deny,
                        const std::string& suspect) {
    Lists out;
    for (auto [file, list] :
         {std::pair{&allow, &out.allow}, {&deny, &out.deny}, {&suspect, &out.suspect}}) {
        auto read = readList(*file);
        if (!read) return Error{read.error()};
        *list = std::move(*read);
    }
    return out;
}

std::uint64_t stampOf(const std::vector<std::string>& files) {
    std::uint64_t stamp = 0;
    const auto mix = [&](std::uint64_t n) { stamp = (stamp ^ n) * 0x100000001b3ULL; };
    for (const auto& file : files) {
        struct stat s {};
        if (file.empty() || ::stat(file.c_str(), &s) != 0) {
            mix(1);
            continue;
        }
        mix(static_cast<std::uint64_t>(s.st_ino));
        mix(static_cast<std::uint64_t>(s.st_size));
        mix(static_cast<std::uint64_t>(s.st_mtim.tv_sec));
        mix(static_cast<std::uint64_t>(s.st_mtim.tv_nsec));
    }
    return stamp;
}

std::size_t Distinct::count() const {
    std::size_t set = 0;
    for (const auto& w : words_) set += static_cast<std::size_t>(std::popcount(w.load()));
    constexpr double kBits = kWords * 64;
    if (set >= kWords * 64) return kWords * 64 * 8;
    // Linear counting: bits that stayed empty tell how often one was hit twice.
    return static_cast<std::size_t>(
        std::lround(kBits * std::log(kBits / (kBits - static_cast<double>(set)))));
}

void Distinct::clear() {
    for (auto& w : words_) w.store(0);
}

bool Trial::wouldRefuseTooMany(double share) const {
    const auto all = known.count(), hit = refused.count();
    // One or two of a handful say nothing about a list.
    return hit > 2 && static_cast<double>(hit) > share * static_cast<double>(all);
}

}  // namespace persona::antiabuse
