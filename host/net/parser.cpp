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
        default:
            break;
    }
    fields.add(detail::view(name_text), value);
}

template class MessageParser<true>;
template class MessageParser<false>;

}  // namespace persona::host::net
