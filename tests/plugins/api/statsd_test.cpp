#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>
#include <set>
#include <sstream>

#include "tests/plugins/api/api_fixture.h"

/// Numbers by statsd (wsapi.md 2.3), W22 and W35.
namespace persona::api {
namespace {

/// Takes datagrams on an address that nobody has by default.
class Statsd {
  public:
    Statsd() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        ::inet_pton(AF_INET, "127.0.0.2", &a.sin_addr);
        socklen_t size = sizeof a;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size), 0);
        port_ = ntohs(a.sin_port);
        const timeval limit{0, 200'000};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    ~Statsd() { ::close(fd_); }
    Statsd(const Statsd&) = delete;
    Statsd& operator=(const Statsd&) = delete;
    [[nodiscard]] std::string address() const { return "127.0.0.2:" + std::to_string(port_); }

    /// Reads until there are lines of all these names; false: they do not come.
    bool await(const std::set<std::string>& names) {
        for (int i = 0; i < 150; ++i) {
            char piece[2'000];
            const auto n = ::recv(fd_, piece, sizeof piece, 0);
            std::istringstream in(std::string(piece, n < 0 ? 0 : static_cast<std::size_t>(n)));
            for (std::string line; std::getline(in, line);) {
                lines.push_back(line);
                seen_.insert(line.substr(0, line.find(':')));
            }
            if (std::includes(seen_.begin(), seen_.end(), names.begin(), names.end())) return true;
        }
        return false;
    }
    std::vector<std::string> lines;

  private:
    int fd_;
    unsigned short port_ = 0;
    std::set<std::string> seen_;
};

TEST_P(Api, StatsdHasNumbersAndNoAddresses) {  // W22, W35
    Statsd statsd;
    ServiceOptions options;
    options.common = {"code_version: abc1234"};
    options.top = {"statsd: {enabled: true, address: \"" + statsd.address() + "\"}"};
    startWith(std::move(options));
    auto owner = browser(), b = browser();
    const auto email = fresh("countable");
    signUp(owner, email);
    EXPECT_EQ(signIn(b, email).status, 200U);
    EXPECT_EQ(b.post("cert_key", certificateRequest(email)).status, 200U);
    // A page of another version, with an address in its query.
    b.fields = {{"BrowserID-git-sha", "old1234"}};
    EXPECT_EQ(b.get("/wsapi/have_email?email=" + email).status, 200U);
    EXPECT_EQ(b.get("/nothing-here/" + email).status, 404U);
    EXPECT_TRUE(statsd.await(
        {"browserid.browserid.wsapi.have_email", "browserid.dbwriter.wsapi.stage_user",
         "browserid.router.wsapi.have_email", "browserid.router.wsapi_code_mismatch.have_email",
         "browserid.router.response.200", "browserid.router.response.404",
         "browserid.router.response_time", "browserid.browserid.bcrypt.compare_time",
         "browserid.keysigner.certification_time"}));
    const std::regex line(R"([a-z][A-Za-z0-9_.-]*:(-?\d+\|[cg]|\d+\.\d+\|ms(\|@\d\.\d+)?))");
    for (const auto& l : statsd.lines) {
        EXPECT_TRUE(std::regex_match(l, line)) << l;
        EXPECT_EQ(l.find("countable"), std::string::npos) << l;
    }
    // Its socket keeps no process from ending.
    for (const auto* process : {"local", "browserid", "dbwriter", "router"})
        if ((std::get<0>(GetParam()) == Shape::OneProcess) == (std::string(process) == "local")) {
            EXPECT_EQ(service().stop(process), 0) << process;
        }
}

}  // namespace
}  // namespace persona::api
