#include <atomic>
#include <mutex>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// W7 over HTTP: the process that writes dies by SIGKILL while people sign up, move addresses and
/// reset passwords. Each single statement is killed in tests/libs/accounts/kill_test.cpp.
namespace persona::api {
namespace {

/// One person after the other, all of them on one address: made, taken over, reset. `known` is the
/// password that was acknowledged last, `maybe` one whose answer never came.
class People {
  public:
    People(Service& service, int number) : service_(service), number_(number) {}

    struct Account {
        std::string email, known, maybe;
    };

    void live(const std::atomic<bool>& done, std::atomic<int>& acknowledged) {
        for (int n = 0; !done; ++n) {
            Account a;
            a.email = "p" + std::to_string(number_) + "-" + std::to_string(n) + "@mail.example";
            if (!change(a, "stage_user", "complete_user_creation", "password-one") ||
                !change(a, "stage_user", "complete_user_creation", "password-two") ||
                !change(a, "stage_reset", "complete_reset", "password-three")) {
                if (!a.known.empty() || !a.maybe.empty()) interrupted.push_back(a);
                continue;
            }
            acknowledged += 3;
            whole.push_back(a);
        }
    }
    std::vector<Account> whole, interrupted;

  private:
    /// False: no answer, or one that says that it was not done.
    bool ask(Browser& b, const std::string& call, std::string json) {
        const auto context = b.get("/wsapi/session_context").json();
        const auto* csrf = context ? context->findText("csrf_token") : nullptr;
        if (csrf == nullptr) return false;
        json.insert(json.size() - 1, R"(,"csrf":")" + *csrf + "\"");
        return b.send("POST", "/wsapi/" + call, json, {{"Content-Type", "application/json"}})
                   .text() == kOk;
    }
    bool change(Account& a, const std::string& stage, const std::string& complete,
                const std::string& pass) {
        Browser b(service_.port("router"));
        const bool is_reset = stage == "stage_reset";
        const auto before = service_.tokens(a.email).size();
        if (!ask(b, stage,
                 R"({"email":")" + a.email + R"(","site":"https://s.example")" +
                     (is_reset ? "" : R"(,"pass":")" + pass + "\"") + "}"))
            return false;
        const auto all = service_.tokens(a.email);
        if (all.size() <= before) return false;
        a.maybe = pass;
        if (!ask(b, complete,
                 R"({"token":")" + all.back() + "\"" +
                     (is_reset ? R"(,"pass":")" + pass + "\"" : "") + "}"))
            return false;
        a.known = pass;
        a.maybe.clear();
        return true;
    }
    Service& service_;
    int number_;
};

TEST_P(Api, KilledWhilePeopleWriteNothingIsHalfDone) {
    constexpr int kThreads = 4, kRounds = 4;
    start(std::vector<std::string>{});
    const std::string process = std::get<0>(GetParam()) == Shape::OneProcess ? "local" : "dbwriter";
    std::vector<People::Account> whole, interrupted;
    for (int round = 0; round < kRounds; ++round) {
        std::atomic<bool> done = false;
        std::atomic<int> acknowledged = 0;
        std::vector<std::unique_ptr<People>> people;
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i) {
            people.push_back(std::make_unique<People>(service(), round * kThreads + i));
            threads.emplace_back([&, p = people.back().get()] { p->live(done, acknowledged); });
        }
        for (int i = 0; i < 4'000 && acknowledged < 12; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        EXPECT_GE(acknowledged, 12);
        service().kill(process);
        done = true;
        threads.clear();
        service().start();
        for (const auto& p : people) {
            whole.insert(whole.end(), p->whole.begin(), p->whole.end());
            interrupted.insert(interrupted.end(), p->interrupted.begin(), p->interrupted.end());
        }
    }
    EXPECT_GE(whole.size(), 12U);
    EXPECT_FALSE(interrupted.empty()) << "nobody was interrupted";
    const auto opens = [&](const std::string& email, const std::string& pass) {
        auto b = browser();
        return signIn(b, email, pass).text().find("\"success\":true") != std::string::npos;
    };
    for (const auto& a : whole) EXPECT_TRUE(opens(a.email, a.known)) << a.email;
    for (const auto& a : interrupted) {
        // What was under way is done or is not; in between there is nothing.
        const bool before = !a.known.empty() && opens(a.email, a.known);
        const bool after = !a.maybe.empty() && opens(a.email, a.maybe);
        EXPECT_EQ(before + after, a.known.empty() ? static_cast<int>(after) : 1)
            << a.email << " opens with " << before << after;
    }
    EXPECT_EQ(service().operate("dbwriter", {"db", "check"}).out, "the database is sound\n");
    EXPECT_EQ(sql("SELECT COUNT(*) FROM account WHERE id NOT IN (SELECT user_id FROM address)"),
              "0\n")
        << "an account without an address";
    EXPECT_EQ(sql("SELECT COUNT(*) FROM address WHERE user_id NOT IN (SELECT id FROM account)"),
              "0\n")
        << "an address without an account";
}

}  // namespace
}  // namespace persona::api
