#include "host/net/parser.h"

#include <charconv>

#include "host/net/head_scan.h"

namespace persona::host::net {

template <bool isRequest>
void MessageParser<isRequest>::on_field_impl(Field name, View name_text, View value_text, Error&) {
    if (head_done_) return;  // trailers are dropped
    const auto value = detail::view(value_text);
    switch (name) {
        case Field::host:
            ++hosts;
            break;
        case Field::content_length: {
            ++lengths;
            std::int64_t n = -1;
            const auto r = std::from_chars(value.data(), value.data() + value.size(), n);
            content_length = r.ec == std::errc{} && r.ptr == value.data() + value.size() ? n : -1;
            break;
        }
        case Field::transfer_encoding:
            ++encodings;
            if (!equalsNoCase(value, "chunked")) bad_encoding = true;
            break;
        case Field::connection:
            close = close || listHas(value, "close");
            keep_alive = keep_alive || listHas(value, "keep-alive");
            connection_options = connection_options || !(equalsNoCase(value, "close") ||
                                                         equalsNoCase(value, "keep-alive"));
            break;
        case Field::upgrade:
            upgrade = true;
            break;
        case Field::expect:
            (equalsNoCase(value, "100-continue") ? expect_continue : other_expect) = true;
            break;
        // No lists (RFC 9110 5.3, RFC 6265 5.4, RFC 6454 7.3): of two, one reader would take the
        // first and another one the last.
        case Field::authorization:
        case Field::content_location:
        case Field::content_range:
        case Field::content_type:
        case Field::cookie:
        case Field::from:
        case Field::if_modified_since:
        case Field::if_range:
        case Field::if_unmodified_since:
        case Field::max_forwards:
        case Field::origin:
        case Field::proxy_authorization:
        case Field::range:
        case Field::referer:
        case Field::user_agent: {
            static_assert(static_cast<std::size_t>(Field::xref) < 512, "the last of the names");
            const auto which = static_cast<std::size_t>(name);
            repeated = repeated || singles_.test(which);
            singles_.set(which);
            break;
        }
        default:
            break;
    }
    fields.add(detail::view(name_text), value);
}

template class MessageParser<true>;
template class MessageParser<false>;

}  // namespace persona::host::net
