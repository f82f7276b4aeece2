#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>

#include "tests/host/bridge/host_fixture.h"

/// Filters swapped under fire: 200 times from version 1 to version 2 and back while clients ask as
/// fast as they can. No request may be lost, no count forgotten, nothing left behind.
namespace persona::host::testing {
namespace {

constexpr int kSwaps = 200, kClients = 8;

/// A client on one kept connection; counts what it gets.
class Client {
  public:
    Client(unsigned short port, const std::atomic<bool>& stop) : connection_(port), stop_(stop) {}
    void run() {
        while (!stop_) {
            const bool post = asked % 4 == 3;
            const std::string body = post ? std::string(asked % 2'000 + 1, 'b') : "";
            // Some requests are under way when a swap comes: they pause in the filter.
            const std::string deed = asked % 16 == 7 ? "X-Do: pause\r\n" : "";
            connection_.send(
                (post ? "POST" : "GET") + std::string(" /echo HTTP/1.1\r\nHost: t\r\n") + deed +
                (post ? "Content-Length: " + std::to_string(body.size()) + "\r\n" : "") + "\r\n" +
                body);
            ++asked;
            const auto head = connection_.readUntil("\r\n\r\n");
            const auto a = HostUnderTest::parse(head);
            const auto length = std::strtoul(a.field("Content-Length").c_str(), nullptr, 10);
            std::string got;
            while (got.size() < length) {
                const auto more = connection_.readUntil(post ? "b" : "o");
                if (more.empty()) break;
                got += more;
            }
            const auto version = a.field("X-Sample");
            if (a.status == 200 && got == (post ? body : "echo") &&
                (version == "1" || version == "2")) {
                ++good;
                ++(version == "1" ? first : second);
            } else if (failures.size() < 3) {
                failures.push_back(head + got);
            }
        }
    }
    std::uint64_t asked = 0, good = 0, first = 0, second = 0;
    std::vector<std::string> failures;

  private:
    net::testing::RawClient connection_;
    const std::atomic<bool>& stop_;
};

TEST(Swap, TwoHundredTimesUnderLoadLosesNothing) {
    HostUnderTest t;
    const auto chain = [](const std::string& version) {
        return "{id: log, builtin: access-log}," +
               sample("request_mode: stream, response_mode: stream", "deny",
                      "sample_v" + version + ".so");
    };
    t.write(chain("1"));
    ASSERT_EQ(t.start(), "");
    std::atomic<bool> stop{false};
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::thread> threads;
    for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(t.port(), stop));
    for (auto& c : clients) threads.emplace_back([&c] { c->run(); });
    std::vector<std::int64_t> publish_us;
    int refused = 0, reverts = 0;
    for (int n = 0; n < kSwaps; ++n) {
        if (n % 10 == 9) {
            // One that fails half way, in between: nobody may notice.
            t.write(
                chain("1") + "," +
                sample("fail_at: activate", "deny", n % 20 == 9 ? "sample_v1.so" : "none.so", "x"));
            refused += t.reload().ok ? 0 : 1;
        }
        if (n % 50 == 49) {
            reverts += t.revert().ok ? 1 : 0;
            reverts += t.revert().ok ? 1 : 0;
        }
        t.write(chain(n % 2 == 0 ? "2" : "1"));
        const auto o = t.reload();
        ASSERT_TRUE(o.ok) << n << ": " << o.error;
        publish_us.push_back(o.publish_us);
    }
    stop = true;
    for (auto& thread : threads) thread.join();
    std::uint64_t asked = 0, good = 0, first = 0, second = 0;
    for (const auto& c : clients) {
        asked += c->asked;
        good += c->good;
        first += c->first;
        second += c->second;
        for (const auto& f : c->failures) ADD_FAILURE() << f;
    }
    EXPECT_EQ(good, asked);
    EXPECT_GT(first, 0U);
    EXPECT_GT(second, 0U);
    EXPECT_EQ(refused, kSwaps / 10);
    EXPECT_EQ(reverts, 2 * kSwaps / 50);
    // The counter that both versions share has seen every request, and the rehearsals none.
    EXPECT_EQ(t.ask().field("X-Count"), std::to_string(asked + 1));
    // Only the active generation and the one before it are left.
    EXPECT_TRUE(await([&] { return t.generations().size() == 2; })) << t.generations().size();
    EXPECT_TRUE(await([&] {
        return t.metric("browserid_echo_sample_created_total") ==
               t.metric("browserid_echo_sample_destroyed_total") + 2;
    }));
    EXPECT_EQ(t.metric("generation_published_total"), kSwaps + reverts);
    EXPECT_EQ(t.metric("engine_limit_header_deadline_total"), 0);
    std::sort(publish_us.begin(), publish_us.end());
    std::cout << asked << " requests, " << kSwaps << " swaps; published in "
              << publish_us[publish_us.size() / 2] << " us (median), " << publish_us.back()
              << " us (most)\n";
    t.stop();
    EXPECT_EQ(t.log().find("WRONG"), std::string::npos);
}

}  // namespace
}  // namespace persona::host::testing
