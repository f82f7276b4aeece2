// 64 threads on the same address through the races that the operations have.

#include <atomic>
#include <barrier>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

constexpr int kThreads = 64;

/// Runs `act(i)` in 64 threads that start together; how often each word was the answer.
std::map<std::string, int> race(const std::function<std::string(int)>& act) {
    std::barrier start(kThreads);
    std::mutex mutex;
    std::map<std::string, int> answers;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < kThreads; ++i)
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                const auto answer = act(i);
                const std::lock_guard lock(mutex);
                ++answers[answer];
            });
    }
    return answers;
}

using Answers = std::map<std::string, int>;

TEST_P(StoreTest, OfManyCompletionsOneDoesTheWork) {
    store();
    const auto staged = writer().stageNewAccount(at("a@x.example"), "h", "s", unlimited(), kNow);
    const auto answers =
        race([&](int) { return why(writer().completeNewAccount(staged->token, kNow)); });
    EXPECT_EQ(answers, (Answers{{"ok", 1}, {"AlreadyUsed", kThreads - 1}}));
    EXPECT_EQ(count("account"), 1);
    EXPECT_EQ(count("address"), 1);
}

TEST_P(StoreTest, CompletionsOfDifferentAccountsForOneAddressLeaveOneOwner) {
    store();
    std::vector<std::string> tokens(kThreads);
    std::vector<UserId> ids(kThreads);
    for (int i = 0; i < kThreads; ++i) ids[i] = accountWith("u" + std::to_string(i) + "@x.example");
    // Each account takes the address with a proof of its own, all at once.
    const auto answers =
        race([&](int i) { return why(writer().addPrimaryEmail(ids[i], at("a@x.example"), kNow)); });
    EXPECT_EQ(answers, (Answers{{"ok", kThreads}}));
    EXPECT_EQ(count("address WHERE address_key = 'a@x.example'"), 1);
    EXPECT_EQ(count("account"), kThreads);
}

TEST_P(StoreTest, CompletionAgainstReset) {
    const auto id = accountWith("a@x.example", "old");
    const auto add = writer().stageEmail(id, at("b@x.example"), {}, "s", unlimited(), kNow);
    const auto reset = writer().stageReset(at("a@x.example"), "s", unlimited(), kNow);
    const auto answers = race([&](int i) {
        if (i % 2 == 0)
            return "add " + why(writer().completeEmail(add->token, ShownBy::Password, kNow));
        return "reset " + why(writer().completeReset(reset->token, "new", kNow + 1));
    });
    EXPECT_EQ(answers.at("reset ok"), 1);
    EXPECT_EQ(answers.at("reset AlreadyUsed"), kThreads / 2 - 1);
    EXPECT_EQ(user(id).password_hash, "new");
    // Either the addition came first and the reset un-verified it, or the reset ended it.
    if (answers.count("add ok") != 0) {
        EXPECT_EQ(answers.at("add ok"), 1);
        EXPECT_FALSE(info("b@x.example").verified);
    } else {
        EXPECT_FALSE(known("b@x.example"));
    }
}

TEST_P(StoreTest, RemovalAgainstAddition) {
    for (int round = 0; round < 8; ++round) {
        const auto tag = std::to_string(round);
        const auto id = accountWith("a" + tag + "@x.example");
        const auto answers = race([&](int i) {
            if (i % 2 == 0)
                return "remove " +
                       why(writer().removeEmail(id, at("a" + tag + "@x.example"), kNow));
            return "add " + why(writer().addPrimaryEmail(
                                id, at("b" + tag + std::to_string(i % 5) + "@x.example"), kNow));
        });
        EXPECT_EQ(answers.at("remove ok"), 1);
        // Whatever came first: no address without account, no account without address.
        ASSERT_EQ(brokenInvariant(), "");
        EXPECT_EQ(epoch(id) != -1, answers.count("add ok") != 0);
    }
}

TEST_P(StoreTest, ParallelWrongPasswordsAreAllCountedAndStopAtTheLimit) {  // W3
    const auto id = accountWith("a@x.example");
    const LoginLimits limits{10, 30, 100, 10};
    const auto answers =
        race([&](int) { return why(writer().reserveLoginAttempt(id, {}, limits, kNow)); });
    EXPECT_EQ(answers, (Answers{{"ok", 30}, {"Locked", kThreads - 30}}));
    EXPECT_EQ(user(id).failed_tries, 30);
}

TEST_P(StoreTest, ParallelTriesOfOneDeviceStopAtItsLimit) {
    const auto id = accountWith("a@x.example");
    std::atomic<int> trusted{0};
    race([&](int) {
        const auto tried = writer().reserveLoginAttempt(id, "device", {100, 100, 100, 10}, kNow);
        if (tried && tried->device) ++trusted;
        return why(tried);
    });
    EXPECT_EQ(trusted, 10);
    EXPECT_EQ(user(id).failed_tries, kThreads - 10);
}

TEST_P(StoreTest, ParallelStagingSendsOneMail) {
    store();
    const auto answers = race(
        [&](int) { return why(writer().stageNewAccount(at("a@x.example"), "h", "s", {}, kNow)); });
    EXPECT_EQ(answers, (Answers{{"ok", 1}, {"Throttled", kThreads - 1}}));
    EXPECT_EQ(count("staged"), 1);
    EXPECT_EQ(count("notice"), 1);
}

TEST_P(StoreTest, ParallelIdpSignInsMakeOneAccount) {
    store();
    std::mutex mutex;
    std::map<UserId, int> ids;
    const auto answers = race([&](int) {
        const auto opened = writer().createUserWithPrimaryEmail(at("p@idp.example"), kNow);
        if (!opened) return why(opened);
        const std::lock_guard lock(mutex);
        ++ids[opened->user];
        return std::string(opened->created ? "created" : "found");
    });
    EXPECT_EQ(answers, (Answers{{"created", 1}, {"found", kThreads - 1}}));
    EXPECT_EQ(ids.size(), 1U);
}

TEST_P(StoreTest, ParallelPasswordChangesAreOne) {
    const auto id = accountWith("a@x.example", "old");
    const auto before = epoch(id);
    const auto answers = race([&](int i) {
        return why(writer().updatePassword(id, "old", "new" + std::to_string(i), true, kNow));
    });
    EXPECT_EQ(answers, (Answers{{"ok", 1}, {"WrongPassword", kThreads - 1}}));
    EXPECT_EQ(epoch(id), before + 1);
}

TEST_P(StoreTest, CancellationAgainstEverything) {
    for (int round = 0; round < 6; ++round) {
        const auto address = "a" + std::to_string(round) + "@x.example";
        const auto id = accountWith(address, "h");
        const auto reset = writer().stageReset(at(address), "s", unlimited(), kNow);
        const auto answers = race([&](int i) -> std::string {
            switch (i % 6) {
                case 0:
                    return "cancel " + why(writer().cancelAccount(id));
                case 1:
                    return why(
                        writer().stageEmail(id, at("n" + address), {}, "s", unlimited(), kNow));
                case 2:
                    return why(writer().reserveLoginAttempt(id, "d", {}, kNow));
                case 3:
                    return why(writer().completeReset(reset->token, "h2", kNow));
                case 4:
                    return why(writer().makeNotMe(id, at(address), kDay, kNow));
                default:
                    return why(writer().stageUnblock(at(address), unlimited(), kNow));
            }
        });
        EXPECT_EQ(answers.at("cancel ok"), 1);
        EXPECT_EQ(answers.count("Unavailable"), 0U);
        ASSERT_EQ(brokenInvariant(), "");
        EXPECT_EQ(epoch(id), -1);
    }
}

}  // namespace
}  // namespace persona::accounts
