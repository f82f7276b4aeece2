#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace persona::host::net {

/// Header fields in the order received, all octets in one buffer as they stand in a message, so
/// that a head costs no allocation per field and is written out again by the run. Views stay valid
/// until the next change.
class Fields {
  public:
    struct View {
        std::string_view name, value;
    };

    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] View operator[](std::size_t i) const;
    /// First field of that name, compared without case.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    void add(std::string_view name, std::string_view value);
    /// Replaces all fields of that name by one. The arguments may be views into these fields; other
    /// views are void afterwards.
    void set(std::string_view name, std::string_view value);
    /// Views into these fields, of removed ones too, stay good.
    void remove(std::string_view name);
    void clear();
    /// Drops every field for which `drop(name)` holds.
    template <typename F>
    void removeIf(F&& drop) {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (!drop((*this)[i].name)) entries_[kept++] = entries_[i];
        entries_.resize(kept);
    }
    /// Writes "Name: value CRLF" for every field for which `skip(name)` does not hold.
    template <typename F>
    void appendTo(std::string& out, F&& skip) const {
        std::size_t from = 0, to = 0;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const Entry& e = entries_[i];
            if (skip((*this)[i].name)) continue;
            if (e.offset != to) {
                out.append(octets_, from, to - from);
                from = e.offset;
            }
            to = e.offset + e.name_size + e.value_size + kAround;
        }
        out.append(octets_, from, to - from);
    }
    /// Storage of fields that are done with, kept for the next message of this thread.
    [[nodiscard]] static Fields recycled();
    void recycle() &&;

  private:
    static constexpr std::size_t kAround = 4;  ///< ": " and CRLF
    struct Entry {
        std::uint32_t offset, name_size, value_size;
    };
    std::string octets_;
    std::vector<Entry> entries_;
};

/// ASCII comparison without case.
[[nodiscard]] bool equalsNoCase(std::string_view a, std::string_view b);

struct RequestHead {
    std::string method;
    std::string target;  ///< origin form
    Fields fields;
    int minor = 1;                     ///< HTTP/1.minor
    std::int64_t content_length = -1;  ///< octets; -1: none announced
    bool chunked = false;
    [[nodiscard]] bool hasBody() const { return chunked || content_length > 0; }
};

struct ResponseHead {
    unsigned status = 0;
    Fields fields;                     ///< without framing and hop-by-hop fields
    std::int64_t content_length = -1;  ///< octets; -1: chunked (or until close for HTTP/1.0)
};

}  // namespace persona::host::net
