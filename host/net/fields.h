#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace persona::host::net {

/// Header fields in the order received, all octets in one buffer, so that a head costs no
/// allocation per field and a connection reuses its capacity. Views stay valid until the next
/// change.
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
    /// Replaces all fields of that name by one.
    void set(std::string_view name, std::string_view value);
    void remove(std::string_view name);
    void clear();

  private:
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
