#include "plugins/antiabuse/heuristics/stuffing/leaked.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace persona::stuffing {

namespace {

constexpr std::size_t kMost = 1'000'000, kLongest = 256;

std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

}  // namespace

std::uint64_t shapeOf(std::string_view password, std::uint64_t secret) {
    std::uint64_t h = secret ^ password.size() * 0x9e3779b97f4a7c15ULL;
    for (const char c : password) h = mixed(h ^ static_cast<unsigned char>(c)) + secret;
    return mixed(h);
}

LeakedPasswords::LeakedPasswords(const std::string& file) {
    if (file.empty()) return;
    std::ifstream in(file);
    if (!in) throw std::runtime_error("leaked_passwords: " + file + " cannot be read");
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.empty() || line.size() > kLongest) continue;
        if (hashes_.size() == kMost)
            throw std::runtime_error("leaked_passwords: " + file + " has over a million lines");
        hashes_.push_back(shapeOf(line, 0));
    }
    std::sort(hashes_.begin(), hashes_.end());
}

bool LeakedPasswords::has(std::string_view password) const {
    return !hashes_.empty() &&
           std::binary_search(hashes_.begin(), hashes_.end(), shapeOf(password, 0));
}

}  // namespace persona::stuffing
