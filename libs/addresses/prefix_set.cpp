#include "libs/addresses/prefix_set.h"

#include <algorithm>
#include <string>

namespace persona::addresses {

namespace {

constexpr std::size_t kBlocks = 65'536, kWorthAnIndex = 64;

}  // namespace

PrefixSet::PrefixSet(const std::vector<Prefix>& prefixes) {
    for (const auto& p : prefixes) {
        if (p.address.is_v4)
            v4_.push_back({p.address.v4(), p.last().v4()});
        else
            v6_.push_back({p.address.octets, p.last().octets});
    }
    const auto join = [](auto& ranges) {
        std::sort(ranges.begin(), ranges.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        std::size_t n = 0;
        for (const auto& r : ranges) {
            if (n != 0 && r.first <= ranges[n - 1].last)
                ranges[n - 1].last = std::max(ranges[n - 1].last, r.last);
            else
                ranges[n++] = r;
        }
        ranges.resize(n);
        ranges.shrink_to_fit();
    };
    join(v4_);
    join(v6_);
    if (v4_.size() < kWorthAnIndex) return;
    index_.resize(kBlocks + 1);
    std::size_t at = 0;
    for (std::size_t block = 0; block < kBlocks; ++block) {
        while (at < v4_.size() && v4_[at].last < block << 16) ++at;
        index_[block] = static_cast<std::uint32_t>(at);
    }
    index_[kBlocks] = static_cast<std::uint32_t>(v4_.size());
}

bool PrefixSet::contains(const Address& a) const {
    if (!a.is_v4) {
        const auto at = std::partition_point(v6_.begin(), v6_.end(),
                                             [&](const V6& r) { return r.last < a.octets; });
        return at != v6_.end() && at->first <= a.octets;
    }
    const auto value = a.v4();
    auto from = v4_.begin(), to = v4_.end();
    if (!index_.empty()) {
        from += index_[value >> 16];
        to = v4_.begin() + std::min<std::ptrdiff_t>(index_[(value >> 16) + 1] + 1,
                                                    static_cast<std::ptrdiff_t>(v4_.size()));
    }
    const auto at = std::partition_point(from, to, [&](const V4& r) { return r.last < value; });
    return at != to && at->first <= value;
}

std::size_t PrefixSet::bytes() const {
    return v4_.capacity() * sizeof(V4) + v6_.capacity() * sizeof(V6) +
           index_.capacity() * sizeof(std::uint32_t);
}

Result<std::vector<Prefix>> parsePrefixList(std::string_view text, std::size_t most) {
    std::vector<Prefix> out;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const auto end = text.find('\n');
        auto one = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        one = one.substr(0, one.find_first_of("#;"));
        while (!one.empty() && (one.back() == ' ' || one.back() == '\t' || one.back() == '\r'))
            one.remove_suffix(1);
        while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
        if (one.empty()) continue;
        const auto prefix = parsePrefix(one);
        if (!prefix)
            return Error{"line " + std::to_string(line) +
                         ": expected a network such as 192.0.2.0/24 or 2001:db8::/32"};
        if (out.size() >= most) return Error{"more than " + std::to_string(most) + " networks"};
        out.push_back(*prefix);
    }
    return out;
}

}  // namespace persona::addresses
