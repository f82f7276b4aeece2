#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "tests/e2e/shapes.h"
#include "tests/support/child.h"

/// Issue 2: roles that die while people sign up. No write that was acknowledged is lost, the other
/// roles answer within their deadline, and all is well again when the role returns.
namespace persona::testing {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// What an upstream may take in all (10 s of an executor, 15 s to the first octet), and some more.
constexpr auto kDeadline = 30s;
constexpr auto kPatience = 90s;

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = kPatience) {
    const auto deadline = Clock::now() + limit;
    while (!condition()) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

/// People who sign up, one after the other on each thread, as long as it goes on.
class SignUps {
  public:
    SignUps(const Service& service, int threads) : service_(service) {
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this, i] {
                for (int n = 0; !done_; ++n)
                    one("u" + std::to_string(i) + "-" + std::to_string(n) + "@mail.example");
            });
    }
    ~SignUps() { stop(); }
    SignUps(const SignUps&) = delete;
    SignUps& operator=(const SignUps&) = delete;
    void stop() {
        done_ = true;
        for (auto& thread : threads_)
            if (thread.joinable()) thread.join();
    }

    [[nodiscard]] std::size_t completed() const {
        const std::lock_guard lock(mutex_);
        return completed_.size();
    }
    [[nodiscard]] std::vector<std::string> addresses() const {
        const std::lock_guard lock(mutex_);
        return completed_;
    }
    [[nodiscard]] std::multiset<unsigned> statuses() const {
        const std::lock_guard lock(mutex_);
        return statuses_;
    }
    [[nodiscard]] std::chrono::milliseconds slowest() const {
        const std::lock_guard lock(mutex_);
        return slowest_;
    }

  private:
    bool ask(Browser& browser, const std::string& call, const std::string& json) {
        const auto started = Clock::now();
        // The token of an answer that did not come cannot be read.
        const auto context = browser.get("/wsapi/session_context");
        note(context.status, started);
        const auto parsed = context.json();
        if (context.status != 200 || !parsed) return false;
        auto body = *protocol::Json::parse(json);
        body.add("csrf", *parsed->findText("csrf_token"));
        const auto again = Clock::now();
        const auto answer = browser.send("POST", "/wsapi/" + call, body.dump(),
                                         {{"Content-Type", "application/json"}});
        note(answer.status, again);
        const auto result = answer.json();
        return answer.status == 200 && result && result->find("success") != nullptr &&
               result->find("success")->boolean();
    }
    void note(unsigned status, Clock::time_point started) {
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started);
        const std::lock_guard lock(mutex_);
        statuses_.insert(status);
        slowest_ = std::max(slowest_, took);
    }
    void one(const std::string& email) {
        Browser browser(service_.port("router"));
        if (!ask(
                browser, "stage_user",
                R"({"email":")" + email + R"(","pass":"password1","site":"https://site.example"})"))
            return;
        std::string token;
        const bool mailed = eventually(
            [&] {
                const auto mails = service_.mails(email);
                if (mails.empty()) return done_.load();
                const auto at = mails.back().find("?token=");
                token = mails.back().substr(at + 7, 48);
                return true;
            },
            2s);
        if (!mailed || token.empty()) return;  // killed between the write and the mail
        if (!ask(browser, "complete_user_creation", R"({"token":")" + token + "\"}")) return;
        const std::lock_guard lock(mutex_);
        completed_.push_back(email);
    }

    const Service& service_;
    std::atomic<bool> done_ = false;
    mutable std::mutex mutex_;
    std::vector<std::string> completed_;
    std::multiset<unsigned> statuses_;
    std::chrono::milliseconds slowest_{0};
    std::vector<std::thread> threads_;
};

class Faults : public ::testing::TestWithParam<Shape> {
  protected:
    void SetUp() override {
        service_ = std::make_unique<Service>(inShape(GetParam()));
        service_->start();
    }
    [[nodiscard]] static std::vector<std::string> processes() {
        return GetParam() == Shape::OneProcess
                   ? std::vector<std::string>{"local"}
                   : std::vector<std::string>{"dbwriter",  "browserid", "router",
                                              "keysigner", "verifier",  "static"};
    }
    [[nodiscard]] ::testing::AssertionResult goOn(const SignUps& people) const {
        const auto before = people.completed();
        if (eventually([&] { return people.completed() >= before + 3; }))
            return ::testing::AssertionSuccess();
        return ::testing::AssertionFailure() << "nobody can sign up; " << service_->log();
    }
    void expectNothingLost(const SignUps& people) {
        for (const auto& email : people.addresses()) {
            Browser browser(service_->port("router"));
            const auto answer =
                browser.post("authenticate_user", R"({"email":")" + email +
                                                      R"(","pass":"password1","ephemeral":false})");
            EXPECT_THAT(answer.text(), ::testing::StartsWith(R"(200 {"success":true)")) << email;
        }
        const auto check = Child::run(
            {{"sqlite3", service_->database(), "PRAGMA integrity_check; PRAGMA foreign_key_check;"},
             "",
             {}},
            30s);
        EXPECT_EQ(check.out, "ok\n");
    }
    /// 0: the router itself was away, and the connection with it.
    void expectOrderlyAnswers(const SignUps& people) {
        for (const auto status : people.statuses())
            EXPECT_TRUE(status == 200 || status == 502 || status == 503 || status == 504 ||
                        status == 0)
                << status;
        EXPECT_LT(people.slowest(), kDeadline);
    }

    std::unique_ptr<Service> service_;
};

INSTANTIATE_TEST_SUITE_P(Shapes, Faults, bothShapes(), shapeName);

TEST_P(Faults, KillingAnyProcessLosesNoAcknowledgedWrite) {
    SignUps people(*service_, 3);
    for (int round = 0; round < 2; ++round)
        for (const auto& process : processes()) {
            SCOPED_TRACE(process);
            ASSERT_TRUE(goOn(people));
            service_->kill(process);
            // Some of what is asked while it is away is answered, whatever the answer.
            const auto before = people.statuses().size();
            EXPECT_TRUE(eventually([&] { return people.statuses().size() >= before + 10; }));
            service_->start();
            ASSERT_TRUE(goOn(people));
        }
    people.stop();
    expectOrderlyAnswers(people);
    expectNothingLost(people);
}

TEST_P(Faults, SigtermDrainsUnderLoad) {
    SignUps people(*service_, 3);
    for (const auto& process : processes()) {
        SCOPED_TRACE(process);
        ASSERT_TRUE(goOn(people));
        EXPECT_EQ(service_->stop(process), 0) << service_->log();
        service_->start();
        ASSERT_TRUE(goOn(people));
    }
    people.stop();
    expectOrderlyAnswers(people);
    expectNothingLost(people);
}

TEST_P(Faults, SighupChangesNothingForThoseWhoAreServed) {
    SignUps people(*service_, 3);
    for (int round = 0; round < 3; ++round)
        for (const auto& process : processes()) {
            ASSERT_TRUE(goOn(people));
            service_->signal(process, SIGHUP);
        }
    ASSERT_TRUE(goOn(people));
    people.stop();
    EXPECT_EQ(people.statuses().count(200), people.statuses().size());
    expectNothingLost(people);
}

TEST(FaultsOfRoles, TheOthersGoOn) {
    Service service(inShape(Shape::Split));
    service.start();
    const auto ask = [&](const char* method, const char* target) {
        const auto started = Clock::now();
        const auto out = Browser(service.port("router")).send(method, target).status;
        EXPECT_LT(Clock::now() - started, kDeadline);
        return out;
    };
    const struct {
        const char *role, *method, *served_by_it, *served_by_another;
    } rows[] = {
        {"verifier", "POST", "/verify", "/wsapi/session_context"},
        {"static", "GET", "/", "/wsapi/session_context"},
        {"browserid", "GET", "/wsapi/session_context", "/"},
        {"dbwriter", "POST", "/wsapi/stage_user", "/wsapi/session_context"},
        {"keysigner", "", "", "/wsapi/session_context"},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.role);
        service.kill(row.role);
        EXPECT_EQ(ask("GET", row.served_by_another), 200U);
        if (*row.served_by_it != 0) {
            EXPECT_EQ(ask(row.method, row.served_by_it), 502U);
        }
        service.start();
        EXPECT_EQ(ask("GET", row.served_by_another), 200U);
    }
}

TEST(FaultsOfRoles, AHangingRoleIsAnsweredForWithinTheDeadline) {
    Service service(inShape(Shape::Split));
    service.start();
    service.signal("browserid", SIGSTOP);
    const auto started = Clock::now();
    const auto answer = Browser(service.port("router")).get("/wsapi/session_context");
    EXPECT_THAT(answer.status, ::testing::AnyOf(502U, 503U, 504U));
    EXPECT_LT(Clock::now() - started, kDeadline);
    EXPECT_EQ(Browser(service.port("router")).get("/").status, 200U) << "others are not held up";
    service.signal("browserid", SIGCONT);
    EXPECT_TRUE(eventually([&] {
        return Browser(service.port("router")).get("/wsapi/session_context").status == 200;
    }));
}

}  // namespace
}  // namespace persona::testing
