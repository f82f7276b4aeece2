#include <gmock/gmock.h>
#include <persona/abi/ext/metrics.h>
#include <poll.h>
#include <sys/socket.h>

#include <set>
#include <sstream>

#include "host/net/socket.h"
#include "host/observe/metrics.h"

namespace persona::host::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Prometheus, LinesOfANameStandTogetherUnderItsType) {
    Metrics m;
    m.declare(PSN_METRIC_COUNTER, "a.requests").value = 3;
    const auto series = [&](const std::string& role, const char* status) -> psn_metric& {
        return m.series(PSN_METRIC_TIMING, "b.response_time",
                        "role=\"" + labelValue(role) + "\",class=\"" + status + "\"");
    };
    series("router", "2xx").observe(0.3);
    m.declare(PSN_METRIC_GAUGE, "c.open").value = -2;
    series("router", "2xx").observe(7);
    series("st\"ra\\nge", "5xx").observe(6'000);
    series("silent", "4xx");
    const auto page = m.prometheus();
    EXPECT_THAT(page, HasSubstr("# TYPE persona_a_requests_total counter\n"
                                "persona_a_requests_total 3\n"));
    EXPECT_THAT(page, HasSubstr("# TYPE persona_c_open gauge\npersona_c_open -2\n"));
    EXPECT_THAT(page, HasSubstr("persona_b_response_time_milliseconds_bucket{role=\"router\","
                                "class=\"2xx\",le=\"0.25\"} 0\n"
                                "persona_b_response_time_milliseconds_bucket{role=\"router\","
                                "class=\"2xx\",le=\"0.5\"} 1\n"));
    EXPECT_THAT(page, HasSubstr("{role=\"router\",class=\"2xx\",le=\"+Inf\"} 2\n"));
    EXPECT_THAT(page, HasSubstr("_sum{role=\"router\",class=\"2xx\"} 7.300000\n"));
    EXPECT_THAT(page, HasSubstr("_count{role=\"router\",class=\"2xx\"} 2\n"));
    EXPECT_THAT(page, HasSubstr("_count{role=\"st\\\"ra\\\\nge\",class=\"5xx\"} 1\n"));
    EXPECT_THAT(page, Not(HasSubstr("silent"))) << "what never happened takes no room";
    // One type a name, and no line of a name outside its block.
    std::set<std::string> seen;
    std::string current;
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) {
            current = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(seen.insert(current).second) << current;
        } else {
            EXPECT_TRUE(line.starts_with(current)) << line;
        }
    }
    EXPECT_EQ(seen.size(), 3U);
    EXPECT_EQ(m.values().count("b.response_time"), 0U);
}

TEST(Statsd, DatagramsStayUnderTheMtuAndHoldWholeLines) {
    net::SocketAddress a;
    std::string error;
    ASSERT_TRUE(net::parseSocketAddress("127.0.0.1:0", a, error));
    const net::Fd sink(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(sink.get(), a.get(), a.size), 0);
    socklen_t size = sizeof a.storage;
    ::getsockname(sink.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
    Metrics m;
    constexpr int kCounters = 300;
    std::set<std::string> expected;
    for (int i = 0; i < kCounters; ++i) {
        const auto name = "browserid.role.counter_with_a_long_name_" + std::to_string(i);
        m.declare(PSN_METRIC_COUNTER, name).value = i + 1;
        expected.insert(name + ":" + std::to_string(i + 1) + "|c");
    }
    m.declare(PSN_METRIC_TIMING, "browserid.role.response_time").observe(1.5);
    expected.insert("browserid.role.response_time:1.500|ms");
    m.series(PSN_METRIC_TIMING, "browserid.response_time", "role=\"r\"").observe(1.5);
    ASSERT_EQ(m.startStatsd("127.0.0.1:" + std::to_string(a.port())), "");
    std::set<std::string> got;
    int datagrams = 0;
    while (got.size() < expected.size()) {
        pollfd p{sink.get(), POLLIN, 0};
        ASSERT_EQ(::poll(&p, 1, 20'000), 1) << got.size();
        char data[65536];
        const auto n = ::recv(sink.get(), data, sizeof data, 0);
        ASSERT_GT(n, 0);
        EXPECT_LE(n, 1'400);
        ++datagrams;
        std::istringstream lines(std::string(data, static_cast<std::size_t>(n)));
        for (std::string line; std::getline(lines, line);) got.insert(line);
    }
    EXPECT_EQ(got, expected) << "series with labels are for Prometheus alone";
    EXPECT_LT(datagrams, kCounters / 10) << "batched";
}

}  // namespace
}  // namespace persona::host::observe
