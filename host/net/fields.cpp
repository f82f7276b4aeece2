#include "host/net/fields.h"

#include <algorithm>

namespace persona::host::net {

namespace {
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
}  // namespace

bool equalsNoCase(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    return true;
}

Fields::View Fields::operator[](std::size_t i) const {
    const Entry& e = entries_[i];
    const std::string_view all = octets_;
    return {all.substr(e.offset, e.name_size),
            all.substr(e.offset + e.name_size + 2, e.value_size)};
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (entries_[i].name_size != name.size()) continue;
        const View v = (*this)[i];
        if (equalsNoCase(v.name, name)) return v.value;
    }
    return std::nullopt;
}

void Fields::add(std::string_view name, std::string_view value) {
    if (entries_.capacity() == 0) {
        entries_.reserve(16);
        octets_.reserve(512);
    }
    entries_.push_back({static_cast<std::uint32_t>(octets_.size()),
                        static_cast<std::uint32_t>(name.size()),
                        static_cast<std::uint32_t>(value.size())});
    // Grown once: four appends, each with its own look at the room, cost twice as much.
    const auto at = octets_.size();
    octets_.resize(at + name.size() + value.size() + kAround);
    char* to = std::copy(name.begin(), name.end(), octets_.data() + at);
    *to++ = ':';
    *to++ = ' ';
    to = std::copy(value.begin(), value.end(), to);
    *to++ = '\r';
    *to = '\n';
}

namespace {
constexpr std::size_t kSpare = 64, kSpareOctets = 4 * 1024, kSpareEntries = 128;
thread_local std::vector<Fields> spare_fields;
}  // namespace

Fields Fields::recycled() {
    if (spare_fields.empty()) return {};
    Fields f = std::move(spare_fields.back());
    spare_fields.pop_back();
    return f;
}

void Fields::recycle() && {
    const auto room = entries_.capacity();
    if (room == 0 || room > kSpareEntries || octets_.capacity() > kSpareOctets ||
        spare_fields.size() >= kSpare)
        return;
    clear();
    spare_fields.push_back(std::move(*this));
}

void Fields::set(std::string_view name, std::string_view value) {
    // The arguments may be views into octets_, which add() can move.
    const std::string own_name(name), own_value(value);
    remove(own_name);
    add(own_name, own_value);
}

void Fields::remove(std::string_view name) {
    // The octets stay behind until clear(): a head lives for one request.
    for (std::size_t i = 0; i < entries_.size();) {
        if (entries_[i].name_size == name.size() && equalsNoCase((*this)[i].name, name))
            entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(i));
        else
            ++i;
    }
}

void Fields::clear() {
    octets_.clear();
    entries_.clear();
}

}  // namespace persona::host::net
