#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "libs/wsapi/arguments.h"
#include "tests/plugins/api/api_fixture.h"

/// Where measurements of dialogs go (wsapi.md 8.4, W31).
namespace persona::api {
namespace {

/// Takes what is posted to it.
class Sink {
  public:
    Sink() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof a;
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
        EXPECT_EQ(::listen(fd_, 16), 0);
        EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size), 0);
        port_ = ntohs(a.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Sink() {
        stop_ = true;
        thread_.join();
        ::close(fd_);
    }
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    [[nodiscard]] std::string url() const {
        return "http://127.0.0.1:" + std::to_string(port_) + "/wsapi/interaction_data";
    }
    [[nodiscard]] std::vector<std::string> bodies() const {
        const std::lock_guard lock(mutex_);
        return bodies_;
    }

  private:
    void serve() {
        while (!stop_) {
            pollfd p{fd_, POLLIN, 0};
            if (::poll(&p, 1, 50) != 1) continue;
            const int c = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
            const timeval limit{5, 0};
            ::setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            std::string request;
            std::size_t whole = std::string::npos;
            char piece[16'384];
            for (ssize_t n = 1; n > 0 && request.size() < whole;) {
                n = ::recv(c, piece, sizeof piece, 0);
                request.append(piece, static_cast<std::size_t>(n < 0 ? 0 : n));
                const auto end = request.find("\r\n\r\n");
                const auto length = request.find("ontent-Length: ");
                if (end != std::string::npos && length != std::string::npos)
                    whole = end + 4 + std::stoul(request.substr(length + 15));
            }
            const std::string out =
                "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            (void)!::send(c, out.data(), out.size(), MSG_NOSIGNAL);
            ::close(c);
            const std::lock_guard lock(mutex_);
            bodies_.push_back(request.substr(request.find("\r\n\r\n") + 4));
        }
    }
    int fd_;
    unsigned short port_ = 0;
    std::atomic<bool> stop_{false};
    mutable std::mutex mutex_;
    std::vector<std::string> bodies_;
    std::thread thread_;
};

TEST_P(Api, MeasurementsGoWhereTheSwitchSays) {
    Sink sink;
    const auto begin = [&](const std::string& send) {
        start({"kpi: {send_metrics: " + send + ", metrics_batch_size: 2, backend_db_url: \"" +
               sink.url() + "\"}"});
    };
    const auto give = [&](const std::string& data) {
        auto b = browser();
        b.fields = {{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:18.0) Firefox/18.0"}};
        EXPECT_EQ(b.post("interaction_data", R"({"data":)" + data + "}").text(), kOk);
    };
    const std::string two = R"([{"event_stream":[],"timestamp":1380000599999,)"
                            R"("local_timestamp":5},{"event_stream":["a"]}])";
    begin("false");
    for (int i = 0; i < 5; ++i) give(two);
    const int processes_end =
        service().stop(std::get<0>(GetParam()) == Shape::OneProcess ? "local" : "browserid");
    EXPECT_EQ(processes_end, 0);
    EXPECT_TRUE(sink.bodies().empty()) << "nothing is queued, nothing is sent";
    begin("true");
    give(R"("no list")");
    give(R"([1,"x",[{"event_stream":[]}],null])");  // a list in a list is no entry
    give(two);
    for (int i = 0; i < 400 && sink.bodies().empty(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
    const auto bodies = sink.bodies();
    ASSERT_EQ(bodies.size(), 1U);
    const auto form =
        wsapi::readParameters("POST", "", "application/x-www-form-urlencoded", bodies.front());
    ASSERT_TRUE(form) << bodies.front();
    const auto* text = form->findText("data");
    ASSERT_NE(text, nullptr) << bodies.front();
    EXPECT_EQ(*text, R"([{"event_stream":[],"timestamp":1380000000000,"user_agent":{"os":"Linux",)"
                     R"("browser":"Firefox","version":18}},{"event_stream":["a"],"user_agent":)"
                     R"({"os":"Linux","browser":"Firefox","version":18}}])");
}

}  // namespace
}  // namespace persona::api
