#pragma once

#include <bitset>
#include <boost/beast/http/basic_parser.hpp>
#include <string>

#include "host/net/fields.h"

namespace persona::host::net {

namespace detail {
inline std::string_view view(boost::beast::string_view s) {
    return {s.data(), s.size()};
}
}  // namespace detail

/// Beast's incremental parser with our storage: fields go into one flat buffer, body pieces come
/// out as views into the read buffer, one for each call of put().
template <bool isRequest>
class MessageParser final : public boost::beast::http::basic_parser<isRequest> {
  public:
    using Base = boost::beast::http::basic_parser<isRequest>;
    using Field = boost::beast::http::field;
    using Error = boost::beast::error_code;
    using View = boost::beast::string_view;

    MessageParser() {
        this->eager(false);
        this->body_limit(boost::none);
        this->header_limit(0xffff'ffffu);  // HeadScanner has bounded it
        fields = Fields::recycled();
    }

    std::string method, target;  // requests
    unsigned status = 0;         // responses
    int minor = 1;
    Fields fields;
    unsigned hosts = 0, lengths = 0, encodings = 0;
    bool close = false, keep_alive = false, upgrade = false, expect_continue = false,
         other_expect = false, bad_encoding = false,
         connection_options = false;  ///< Connection names fields of this hop
    bool repeated = false;            ///< what a request may have once stands there twice
    std::int64_t content_length = -1;

    /// The piece that the last putBody() produced; empty: none.
    std::string_view piece;

    /// put() for octets of the body: how many it took. Too few at the last call stay too few until
    /// there are five: no chunked body ends in less, and Beast's parser counts on it.
    std::size_t putBody(std::string_view data, Error& ec) {
        piece = {};
        if (starved_ && data.size() < 5) {
            ec = boost::beast::http::error::need_more;
            return 0;
        }
        const auto used = this->put({data.data(), data.size()}, ec);
        starved_ = used == 0 && ec == boost::beast::http::error::need_more;
        return used;
    }

  private:
    void on_request_impl(boost::beast::http::verb, View method_text, View target_text, int version,
                         Error&) override {
        method = detail::view(method_text);
        target = detail::view(target_text);
        minor = version % 10;
    }
    void on_response_impl(int code, View, int version, Error&) override {
        status = static_cast<unsigned>(code);
        minor = version % 10;
    }
    void on_field_impl(Field name, View name_text, View value_text, Error&) override;
    void on_header_impl(Error&) override { head_done_ = true; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, Error&) override {}
    std::size_t on_body_impl(View body, Error&) override {
        piece = detail::view(body);
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, View, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View body, Error&) override {
        piece = detail::view(body);
        return body.size();
    }
    void on_finish_impl(Error&) override {}

    std::bitset<512> singles_;  ///< those that were there, by their Field
    bool head_done_ = false, starved_ = false;
};

extern template class MessageParser<true>;
extern template class MessageParser<false>;

}  // namespace persona::host::net
