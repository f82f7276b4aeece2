#include "tests/plugins/antiabuse/heuristics/helpers.h"

namespace persona::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class MailBudget : public ::testing::Test {
  protected:
    Facts stage(const std::string& from, const std::string& to, Harness* h = nullptr) {
        const auto plus = to.find('+'), at = to.find('@');
        auto mailbox = to;
        if (plus < at) mailbox.erase(plus, at - plus);
        return (h == nullptr ? harness_ : *h)
            .facts()
            .from(from)
            .routeClass(PSN_ROUTE_STAGE, PSN_TRAIT_MAILS | PSN_TRAIT_HASHES)
            .account(to)
            .mailbox(mailbox)
            .domain(to.substr(at + 1))
            .origin("https://site.example");
    }
    std::string send(const Facts& f) { return said(pass(f, {PSN_OUTCOME_MAIL_SENT})); }
    static std::string address(int i) {
        return "10." + std::to_string(i / 250 % 250) + "." + std::to_string(i % 250) + ".1";
    }
    Harness harness_{pluginPath("mail")};
};

/// S9: many sources, one victim.
TEST_F(MailBudget, OneMailboxGetsThreeThenFewerAndFewer) {
    int sent = 0, first_ten_minutes = 0;
    for (int second = 0; second < 24 * 3600; second += 10) {
        sent += send(stage(address(second / 10 % 200), "victim@mail.example")) == "pass" ? 1 : 0;
        if (second < 600) first_ten_minutes = sent;
        harness_.clock().advance(seconds(10));
    }
    EXPECT_LE(first_ten_minutes, 4);
    EXPECT_LE(sent, 16) << "in a whole day";
    EXPECT_GE(sent, 10);
    for (int i = 0; i < 3; ++i) (void)send(stage(address(i), "other@mail.example"));
    const auto v = stage("192.0.2.9", "other@mail.example").evaluate();
    EXPECT_EQ(said(v), "throttle mailbox");
    EXPECT_EQ(v.retry_after_ms, 600'000U) << "the wait is said";
}

TEST_F(MailBudget, TagsDoNotMakeAnotherMailbox) {
    int sent = 0;
    for (int i = 0; i < 40; ++i)
        sent += send(stage(address(i), "victim+" + std::to_string(i) + "@mail.example")) == "pass"
                    ? 1
                    : 0;
    EXPECT_EQ(sent, 5);
}

TEST_F(MailBudget, TheOwnersBrowserHasABudgetOfItsOwn) {
    for (int i = 0; i < 50; ++i) (void)send(stage(address(i), "victim@mail.example"));
    EXPECT_EQ(send(stage("198.51.100.7", "victim@mail.example")
                       .session("own")
                       .flags(PSN_FACT_KNOWN_DEVICE)),
              "pass");
}

TEST_F(MailBudget, ASignInOpensTheMailboxAgain) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(send(stage(address(i), "ann@mail.example")), "pass");
    EXPECT_EQ(send(stage(address(4), "ann@mail.example")), "throttle mailbox");
    harness_.facts()
        .from("198.51.100.7")
        .routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES)
        .account("ann@mail.example")
        .domain("mail.example")
        .observe(answered({PSN_OUTCOME_AUTH_OK}));
    EXPECT_EQ(send(stage(address(5), "ann@mail.example")), "pass");
}

TEST_F(MailBudget, OneNetworkManyVictims) {
    int sent = 0;
    for (int i = 0; i < 50; ++i)
        sent += send(stage("192.0.2.9",
                           std::to_string(i) + "@m" + std::to_string(i) + ".example")) == "pass"
                    ? 1
                    : 0;
    EXPECT_EQ(sent, 6);
    int office = 0;
    for (int i = 0; i < 100; ++i)
        office +=
            send(stage("203.0.113.9", std::to_string(i) + "@o" + std::to_string(i) + ".example")
                     .credit(10)) == "pass"
                ? 1
                : 0;
    EXPECT_EQ(office, 6 * 4);
}

TEST_F(MailBudget, OneDomainGrowsWithItsUsers) {
    int sent = 0;
    for (int i = 0; i < 100; ++i)
        sent += send(stage(address(i), std::to_string(i) + "@small.example")) == "pass" ? 1 : 0;
    EXPECT_EQ(sent, 60);
    for (int i = 0; i < 500; ++i)
        harness_.facts()
            .routeClass(PSN_ROUTE_LOGIN)
            .account(std::to_string(i) + "@large.example")
            .domain("large.example")
            .observe(answered({PSN_OUTCOME_AUTH_OK}));
    harness_.clock().advance(minutes(10));
    int large = 0;
    for (int i = 0; i < 90; ++i)
        large +=
            send(stage(address(200 + i), std::to_string(i) + "@large.example")) == "pass" ? 1 : 0;
    EXPECT_EQ(large, 90);
}

TEST_F(MailBudget, UnknownAddressesCountAsKnownOnesDo) {
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(
            said(pass(stage(address(i), "nobody@mail.example"), {PSN_OUTCOME_ADDRESS_UNKNOWN})),
            "pass");
    EXPECT_EQ(send(stage(address(9), "nobody@mail.example")), "throttle mailbox");
}

TEST_F(MailBudget, WhatSentNothingCostsNothing) {
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(said(pass(stage("192.0.2.9", "ann@mail.example"), {})), "pass");
}

/// The mail goes out whether the asker waits or not.
TEST_F(MailBudget, WhoHangsUpHasSentIt) {
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(said(leave(stage(address(i), "ann@mail.example"))), "pass");
    EXPECT_EQ(said(leave(stage(address(9), "ann@mail.example"))), "throttle mailbox");
}

TEST_F(MailBudget, QuietlyWhenToldSo) {
    Harness quiet(pluginPath("mail"), "addressee: quiet\n");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(send(stage(address(i), "ann@mail.example", &quiet)), "pass");
    const auto v = stage(address(5), "ann@mail.example", &quiet).evaluate();
    EXPECT_EQ(said(v), "tag mailbox");
    EXPECT_TRUE(v.hints & PSN_HINT_SKIP_MAIL);
}

}  // namespace
}  // namespace persona::testing
