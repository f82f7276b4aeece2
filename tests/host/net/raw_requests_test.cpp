#include <ostream>

#include "tests/host/net/net_fixture.h"

/// The table of raw requests: what a front door must refuse, and what it must take.
namespace persona::host::net::testing {
namespace {

struct Raw {
    const char* name;
    std::string request;
    unsigned status;
};
std::ostream& operator<<(std::ostream& out, const Raw& r) {
    return out << r.name;
}

std::vector<Raw> table() {
    const std::string nul(1, '\0');
    std::string many;
    for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
    // As many octets of extensions as an attacker likes, for one octet of body each.
    std::string extended;
    for (int i = 0; i < 200; ++i) extended += "1;a=" + std::string(1'000, 'x') + "\r\ny\r\n";
    std::string options = "Connection: close";
    for (int i = 0; i < 1'000; ++i) options += ",a";
    std::string ninety;
    for (int i = 0; i < 90; ++i) ninety += "X-" + std::to_string(i) + ": 1\r\n";
    return {
        {"plain", get("/"), 200},
        {"query", get("/a?b=c&d=%20"), 200},
        {"http10", "GET / HTTP/1.0\r\n\r\n", 200},
        {"http10_host", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 200},
        {"leading_empty_line", "\r\n" + get("/"), 200},
        {"own_absolute_form", get("http://a.example/x"), 200},
        {"own_absolute_form_no_path", get("http://a.example"), 200},
        {"options_star", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200},
        {"unknown_method", "BREW / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200},
        {"ninety_fields", get("/", ninety), 200},
        {"some_connection_options", get("/", "Connection: a, b,, c ,close\r\n"), 200},
        {"a_thousand_connection_options", get("/", options + "\r\n"), 400},
        {"empty_value", get("/", "X-Empty:\r\n"), 200},
        {"value_with_tab", get("/", "X-Tab: a\tb\r\n"), 200},
        {"obs_text", get("/", "X-Latin: caf\xe9\r\n"), 200},
        {"length_body", post("Content-Length: 5\r\n", "hello"), 200},
        {"zero_length", post("Content-Length: 0\r\n", ""), 200},
        {"chunked", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), 200},
        {"chunked_empty", post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), 200},
        {"chunked_empty_trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nX: y\r\n\r\n"), 200},
        {"chunks_of_one", post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
         200},
        {"chunked_upper", post("Transfer-Encoding: CHUNKED\r\n", "A\r\n0123456789\r\n0\r\n\r\n"),
         200},
        {"chunk_extension", post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n"),
         200},
        {"chunk_trailer", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
         200},
        {"expect_continue_with_body", post("Expect: 100-continue\r\nContent-Length: 2\r\n", "hi"),
         200},
        {"both_framings", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
         400},
        {"both_framings_other_order",
         post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
        {"two_lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400},
        {"two_equal_lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
        {"length_list", post("Content-Length: 5, 5\r\n", "hello"), 400},
        {"negative_length", post("Content-Length: -5\r\n", "hello"), 400},
        {"plus_length", post("Content-Length: +5\r\n", "hello"), 400},
        {"hex_length", post("Content-Length: 0x5\r\n", "hello"), 400},
        {"huge_length", post("Content-Length: 99999999999999999999\r\n", "hello"), 400},
        {"empty_length", post("Content-Length:\r\n", "hello"), 400},
        {"gzip_encoding", post("Transfer-Encoding: gzip\r\n", ""), 501},
        {"gzip_chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
        {"two_encodings",
         post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
        {"chunked_quoted", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 501},
        {"chunked_vt",
         post("Transfer-Encoding: \x0b"
              "chunked\r\n",
              "0\r\n\r\n"),
         400},
        {"chunked_in_http10",
         "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"chunk_size_not_hex", post("Transfer-Encoding: chunked\r\n", "z\r\nhello\r\n0\r\n\r\n"),
         400},
        {"chunk_size_negative", post("Transfer-Encoding: chunked\r\n", "-5\r\nhello\r\n0\r\n\r\n"),
         400},
        {"chunk_size_overflow",
         post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 400},
        {"chunk_without_crlf", post("Transfer-Encoding: chunked\r\n", "5\r\nhelloXX0\r\n\r\n"),
         400},
        {"body_too_large", post("Content-Length: 10241\r\n", ""), 413},
        {"chunks_too_large",
         post("Transfer-Encoding: chunked\r\n",
              "3000\r\n" + std::string(0x3000, 'x') + "\r\n0\r\n\r\n"),
         413},
        {"folding_space", get("/", "X-A: b\r\n c\r\n"), 400},
        {"folding_tab", get("/", "X-A: b\r\n\tc\r\n"), 400},
        {"fold_first_line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"space_before_colon", get("/", "X-A : b\r\n"), 400},
        {"tab_before_colon", get("/", "X-A\t: b\r\n"), 400},
        {"no_colon", get("/", "X-A b\r\n"), 400},
        {"empty_name", get("/", ": b\r\n"), 400},
        {"name_with_slash", get("/", "X/A: b\r\n"), 400},
        {"name_high_bit", get("/", "X\xff: b\r\n"), 400},
        {"bare_lf_everywhere", "GET / HTTP/1.1\nHost: a\n\n", 400},
        {"bare_lf_field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
        {"bare_lf_end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
        {"bare_cr_value", get("/", "X-A: b\rX: c\r\n"), 400},
        {"bare_cr_line", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
        {"nul_in_value", get("/", "X-A: b" + nul + "c\r\n"), 400},
        {"nul_in_name", get("/", "X" + nul + "A: b\r\n"), 400},
        {"nul_in_target", get("/a" + nul), 400},
        {"control_in_value", get("/", "X-A: b\x01\r\n"), 400},
        {"del_in_value", get("/", "X-A: b\x7f\r\n"), 400},
        {"space_in_target", get("/a b"), 400},
        {"high_bit_in_target", get("/\xc3\xa9"), 400},
        {"no_target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"no_version", "GET /\r\nHost: a\r\n\r\n", 400},
        {"lower_version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"version_12", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"version_20", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"http2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"method_with_control", "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"method_with_parenthesis", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"leading_space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405},
        {"authority_form", get("a.example:80"), 400},
        {"relative_target", get("index.html"), 400},
        {"foreign_absolute_form", get("http://b.example/"), 421},
        {"foreign_port", get("http://a.example:81/"), 421},
        {"user_in_absolute_form", get("http://u@a.example/"), 421},
        {"other_scheme", get("ftp://a.example/"), 400},
        {"star_get", get("*"), 400},
        {"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"two_equal_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"host_with_space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"host_with_user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
        {"host_with_slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"two_types", post("Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 2\r\n", "hi"),
         400},
        {"two_equal_types",
         post("Content-Type: a/b\r\ncontent-TYPE: a/b\r\nContent-Length: 2\r\n", "hi"), 400},
        {"two_types_apart",
         post("Content-Type: a/b\r\nX-A: b\r\nContent-Type:\r\nContent-Length: 2\r\n", "hi"), 400},
        {"two_cookies", get("/", "Cookie: a=b\r\nCookie: c=d\r\n"), 400},
        {"two_origins", get("/", "Origin: https://a\r\nOrigin: https://b\r\n"), 400},
        {"two_authorizations", get("/", "Authorization: a b\r\nAuthorization: c d\r\n"), 400},
        {"two_proxy_authorizations",
         get("/", "Proxy-Authorization: a b\r\nProxy-Authorization: c d\r\n"), 400},
        {"two_agents", get("/", "User-Agent: a\r\nUser-Agent: b\r\n"), 400},
        {"two_referers", get("/", "Referer: /a\r\nReferer: /b\r\n"), 400},
        {"two_ranges", get("/", "Range: bytes=0-1\r\nRange: bytes=2-3\r\n"), 400},
        {"two_content_ranges",
         get("/", "Content-Range: bytes 0-1/2\r\nContent-Range: bytes 0-1/2\r\n"), 400},
        {"two_content_locations", get("/", "Content-Location: /a\r\nContent-Location: /b\r\n"),
         400},
        {"two_range_conditions", get("/", "If-Range: \"a\"\r\nIf-Range: \"b\"\r\n"), 400},
        {"two_times_of_change",
         get("/",
             "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
             "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\n"),
         400},
        {"two_times_of_none",
         get("/",
             "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
             "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT\r\n"),
         400},
        {"two_forward_limits", get("/", "Max-Forwards: 1\r\nMax-Forwards: 2\r\n"), 400},
        {"two_senders", get("/", "From: a@b\r\nFrom: c@d\r\n"), 400},
        {"one_of_each",
         get("/",
             "Content-Type: a/b\r\nCookie: a=b; a=c\r\nOrigin: https://a\r\nUser-Agent: a\r\n"
             "Authorization: a b\r\nReferer: /a\r\n"),
         200},
        {"lists_in_parts",
         get("/",
             "Accept: a/b\r\nAccept: c/d\r\nAccept-Language: de\r\nAccept-Language: en\r\n"
             "Content-Encoding: gzip\r\nContent-Encoding: br\r\nX-A: b\r\nX-A: c\r\n"),
         200},
        {"twice_in_a_trailer",
         post("Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n",
              "2\r\nhi\r\n0\r\nContent-Type: c/d\r\nContent-Type: e/f\r\n\r\n"),
         200},
        {"upgrade_websocket", get("/", "Upgrade: websocket\r\n"), 501},
        {"other_expectation", get("/", "Expect: more\r\n"), 417},
        {"too_many_fields", get("/", many), 431},
        {"head_too_large", get("/", "X: " + std::string(17 * 1024, 'a') + "\r\n"), 431},
        {"line_too_large", get("/" + std::string(17 * 1024, 'a')), 431},
        {"chunk_size_with_blank",
         post("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"), 400},
        {"chunk_size_0x", post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), 400},
        {"chunk_size_plus", post("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"),
         400},
        {"chunk_size_empty", post("Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"), 400},
        {"chunk_line_bare_lf", post("Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"),
         400},
        {"chunk_extension_bare_lf",
         post("Transfer-Encoding: chunked\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"), 400},
        {"chunk_extension_bare_cr",
         post("Transfer-Encoding: chunked\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
        {"chunk_data_bare_lf", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"),
         400},
        {"chunk_header_endless",
         post("Transfer-Encoding: chunked\r\n", "5;a=" + std::string(20'000, 'x')), 400},
        {"chunk_zeroes_endless", post("Transfer-Encoding: chunked\r\n", std::string(20'000, '0')),
         400},
        {"trailers_endless",
         post("Transfer-Encoding: chunked\r\n", "0\r\nX: " + std::string(40'000, 'x')), 400},
        {"extensions_in_every_chunk", post("Transfer-Encoding: chunked\r\n", extended), 400},
        {"encoding_list", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
        {"encoding_identity", post("Transfer-Encoding: identity\r\n", ""), 501},
        {"encoding_empty", post("Transfer-Encoding:\r\n", "0\r\n\r\n"), 501},
        {"encoding_with_parameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), 501},
        {"encoding_name_with_blank", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
        {"minus_zero_length", post("Content-Length: -0\r\n", ""), 400},
        {"length_with_blank_inside", post("Content-Length: 1 2\r\n", "hello"), 400},
        {"length_over_int64", post("Content-Length: 9223372036854775808\r\n", "x"), 400},
        {"huge_but_valid_length", post("Content-Length: 9223372036854775807\r\n", "x"), 413},
        {"leading_zero_length", post("Content-Length: 005\r\n", "hello"), 200},
        {"length_and_get", get("/", "Content-Length: 5\r\n") + "hello", 200},
        {"fragment_in_target", get("/a#b"), 400},
        {"three_empty_lines", "\r\n\r\n\r\n" + get("/"), 400},
        {"lf_before_request", "\n" + get("/"), 400},
        {"empty_authority", "GET http:///x HTTP/1.1\r\nHost:\r\n\r\n", 421},
        {"empty_host", "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 200},
        {"host_with_port", "GET / HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n", 200},
        {"host_ipv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", 200},
        {"host_with_odd_port", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", 400},
        {"host_with_two_ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400},
        {"host_open_bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
        {"host_list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        {"host_high_bit", "GET / HTTP/1.1\r\nHost: caf\xe9\r\n\r\n", 400},
        {"absolute_https", get("https://a.example/x"), 200},
        {"absolute_with_query_only", get("http://a.example?x"), 200},
        {"upgrade_h2c",
         "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABk\r\n\r\n",
         501},
        {"upgrade_alone", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", 501},
        {"version_double_digit", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
        {"version_blank", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {"tab_in_request_line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"http09", "GET /\r\n\r\n", 400},
        {"binary", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400},
    };
}

class RawRequests : public ::testing::TestWithParam<Raw> {
  public:
    static void SetUpTestSuite() {
        service_ =
            std::make_shared<TestService>([](const ExchangePtr& e) { e->respond(okHead(), "ok"); });
        engine_ = std::make_unique<EngineUnderTest>(service_);
    }
    static void TearDownTestSuite() {
        engine_.reset();
        service_.reset();
    }

  protected:
    static std::shared_ptr<TestService> service_;
    static std::unique_ptr<EngineUnderTest> engine_;
};
std::shared_ptr<TestService> RawRequests::service_;
std::unique_ptr<EngineUnderTest> RawRequests::engine_;

TEST_P(RawRequests, AnsweredAsTheTableSays) {
    for (const bool bytewise : {false, true}) {
        RawClient client(engine_->port());
        if (bytewise && GetParam().request.size() < 2'000) {
            for (const char c : GetParam().request) client.send({&c, 1});
        } else {
            client.send(GetParam().request);
        }
        std::string answer = client.readAll();
        while (answer.starts_with("HTTP/1.1 100")) answer.erase(0, answer.find("\r\n\r\n") + 4);
        EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 " + std::to_string(GetParam().status)) << answer;
        if (GetParam().status != 200) {
            EXPECT_NE(answer.find("Connection: close"), std::string::npos);
        }
        EXPECT_EQ(answer.find("HTTP/1.1 ", 9), std::string::npos) << "two answers: " << answer;
    }
    RawClient after(engine_->port());
    after.send(get("/"));
    EXPECT_TRUE(after.readAll().starts_with("HTTP/1.1 200"));
}

/// Two readers of one request may not differ: which of the two is it?
TEST(RepeatedFields, AreCountedAndNeverDispatched) {
    int dispatched = 0;
    EngineUnderTest e(std::make_shared<TestService>([&](const ExchangePtr& x) {
        ++dispatched;
        x->respond(okHead(), "ok");
    }));
    for (const auto* field : {"Content-Type", "Cookie"}) {
        RawClient client(e.port());
        client.send(get("/", std::string(field) + ": a\r\n" + field + ": b\r\n"));
        EXPECT_TRUE(
            client.readAll().ends_with("a field that stands once in a request stands twice"));
    }
    EXPECT_EQ(dispatched, 0);
    EXPECT_EQ(e.observer.counted("engine.bad.repeated_field"), 2u);
}

INSTANTIATE_TEST_SUITE_P(Table, RawRequests, ::testing::ValuesIn(table()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace persona::host::net::testing
