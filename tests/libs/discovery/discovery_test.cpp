#include "libs/discovery/discovery.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/libs/discovery/fake_network.h"

namespace persona::discovery::testing {
namespace {

using protocol::Discovered;

class DiscoveryTest : public ::testing::Test {
  protected:
    FakeNetwork net_;
};

TEST_F(DiscoveryTest, AsksForThePrincipalAtEveryHop) {
    net_.world["a.example"] = delegates("B.example");
    net_.world["b.example"] = supported();
    Discovery d({}, net_.ports());
    const auto found = d.find("A.example");
    ASSERT_EQ(found->type, Discovered::Type::Primary);
    EXPECT_EQ(found->authority, "b.example");
    EXPECT_EQ(found->chain, (std::vector<std::string>{"a.example", "b.example"}));
    EXPECT_EQ(found->authentication, "https://b.example/auth");
    ASSERT_EQ(net_.requests.size(), 2u);
    EXPECT_EQ(net_.requests[0].url, "https://a.example/.well-known/browserid?domain=a.example");
    EXPECT_EQ(net_.requests[1].url, "https://b.example/.well-known/browserid?domain=a.example");
    EXPECT_EQ(net_.requests[1].host, "b.example");
    EXPECT_EQ(net_.requests[0].max_body, 65'536u);
    EXPECT_EQ(net_.requests[0].timeout_ms, 8'000);
    EXPECT_FALSE(net_.requests[0].allow_private);
}

TEST_F(DiscoveryTest, ANameThatIsNoneIsNeverFetched) {
    Discovery d({}, net_.ports());
    for (const auto* name :
         {"localhost", "127.0.0.1", "a.example:8443", "a.example/x", "a@b.example", "a.example.",
          "a_b.example", "a.example\r\nx", "", "1.0x7f"})
        EXPECT_EQ(d.find(name)->reason, std::string("invalid domain: ") + name);
    EXPECT_TRUE(net_.requests.empty());
}

TEST_F(DiscoveryTest, WhatIsNotAtHandIsNotJudgedWhenNobodyIsToBeAsked) {
    net_.world["a.example"] = supported();
    Discovery d({}, net_.ports());
    const auto at_hand = [&](const std::string& domain) {
        DiscoveredPtr out;
        int calls = 0;
        d.find(
            domain,
            [&](DiscoveredPtr found) {
                out = std::move(found);
                ++calls;
            },
            true);
        EXPECT_EQ(calls, 1);
        return out;
    };
    EXPECT_EQ(at_hand("a.example"), nullptr);
    EXPECT_TRUE(net_.requests.empty());
    (void)d.find("a.example");
    ASSERT_NE(at_hand("a.example"), nullptr);
    EXPECT_EQ(at_hand("a.example")->type, Discovered::Type::Primary);
    EXPECT_EQ(net_.requests.size(), 1u);
}

TEST_F(DiscoveryTest, AWayOfOneHopIsWalkedOnceForEachDocument) {
    Discovery d({}, net_.ports());
    net_.world["a.example"] = supported("max-age=60");
    net_.world["b.example"] = delegates("a.example");
    for (const auto* domain : {"a.example", "none.example"}) {
        d.find(domain);  // fetched
        const auto walked = d.find(domain);
        EXPECT_EQ(d.find(domain), walked) << domain;
    }
    EXPECT_EQ(d.find("A.example"), d.find("a.example"));
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(d.find("b.example")->chain, (std::vector<std::string>{"b.example", "a.example"}));
    net_.world["a.example"] = answer(R"({"disabled":true})");
    EXPECT_EQ(d.find("a.example")->type, Discovered::Type::Primary);
    net_.now_ms += 121'000;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(d.find("a.example")->type, Discovered::Type::Disabled);
}

TEST_F(DiscoveryTest, LifetimesOfSuccessAndFailure) {
    Discovery d({}, net_.ports());
    net_.world["a.example"] = supported("max-age=60");
    net_.world["b.example"] = answer("{");
    const auto count = [&](const std::string& domain) {
        const auto before = net_.requests.size();
        d.find(domain);
        return net_.requests.size() - before;
    };
    EXPECT_EQ(count("a.example"), 1u);
    EXPECT_EQ(count("b.example"), 1u);
    EXPECT_EQ(count("none.example"), 1u);
    net_.now_ms += 29'999;
    EXPECT_EQ(count("a.example"), 0u);
    EXPECT_EQ(count("b.example"), 0u);
    EXPECT_EQ(count("none.example"), 0u);
    net_.now_ms += 1;
    EXPECT_EQ(count("a.example"), 0u);
    EXPECT_EQ(count("b.example"), 1u);
    EXPECT_EQ(count("none.example"), 1u);
}

TEST_F(DiscoveryTest, AStaleDocumentIsUsedWhileOneFetchReplacesIt) {
    Discovery d({}, net_.ports());
    net_.world["a.example"] = supported("max-age=60");
    d.find("a.example");
    net_.now_ms += 60'000;
    net_.hold = true;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(d.find("a.example")->type, Discovered::Type::Primary);
    EXPECT_EQ(net_.requests.size(), 2u);
    EXPECT_EQ(net_.requests.back().timeout_ms, 8'000);
    net_.release(answer(R"({"disabled":true})"));
    EXPECT_EQ(d.find("a.example")->type, Discovered::Type::Disabled);
    // Never longer than the bound, however the fetch fares.
    net_.hold = false;
    net_.world["c.example"] = supported("max-age=600");
    d.find("c.example");
    net_.now_ms += 600'000 + 60'000;
    net_.world["c.example"] = failed();
    EXPECT_EQ(d.find("c.example")->type, Discovered::Type::Unsupported);
}

TEST_F(DiscoveryTest, OneFetchForAllWhoAskAtOnce) {
    Discovery d({}, net_.ports());
    net_.hold = true;
    std::vector<DiscoveredPtr> got;
    for (int i = 0; i < 50; ++i)
        d.find("a.example", [&](DiscoveredPtr r) { got.push_back(std::move(r)); });
    EXPECT_EQ(net_.requests.size(), 1u);
    EXPECT_EQ(d.stats().fetches, 1u);
    EXPECT_TRUE(got.empty());
    net_.release(supported());
    ASSERT_EQ(got.size(), 50u);
    for (const auto& r : got) EXPECT_EQ(r->type, Discovered::Type::Primary);
    EXPECT_EQ(d.stats().fetches, 0u);
}

TEST_F(DiscoveryTest, AnswersPerQueryDomainAreKeptApart) {
    Discovery d({}, net_.ports());
    net_.world["a.example"] = delegates("idp.example");
    net_.world["b.example"] = delegates("idp.example");
    net_.world["idp.example"] = supported();
    d.find("a.example");
    d.find("b.example");
    d.find("idp.example");
    EXPECT_EQ(net_.requests.size(), 5u);
}

TEST_F(DiscoveryTest, OverloadIsNoVerdict) {
    Options o;
    o.max_fetches = 2;
    Discovery d(o, net_.ports());
    net_.hold = true;
    int answered = 0;
    for (const auto* name : {"a.example", "b.example"})
        d.find(name, [&](const DiscoveredPtr&) { ++answered; });
    bool refused = false;
    d.find("c.example", [&](const DiscoveredPtr& r) { refused = r == nullptr; });
    EXPECT_TRUE(refused);
    FetchResponse full;
    full.overloaded = true;
    net_.release(full);
    net_.release(supported());
    EXPECT_EQ(answered, 2);
    // Not remembered against the domain.
    net_.hold = false;
    net_.world["a.example"] = supported();
    EXPECT_EQ(d.find("a.example")->type, Discovered::Type::Primary);
}

TEST_F(DiscoveryTest, TheChainAsAWholeHasADeadline) {
    Discovery d({}, net_.ports());
    net_.hold = true;
    DiscoveredPtr got;
    d.find("a.example", [&](DiscoveredPtr r) { got = std::move(r); });
    net_.now_ms += 7'900;
    net_.release(delegates("b.example"));
    EXPECT_EQ(net_.requests.back().timeout_ms, 7'100);
    net_.now_ms += 7'100;
    net_.release(delegates("c.example"));
    ASSERT_NE(got, nullptr);
    EXPECT_EQ(got->reason, "timeout trying to load well-known for c.example");
    EXPECT_EQ(net_.requests.size(), 2u);
}

TEST_F(DiscoveryTest, DelegationHasAnEnd) {
    Discovery d({}, net_.ports());
    for (int i = 0; i < 9; ++i)
        net_.world["d" + std::to_string(i) + ".example"] =
            delegates("d" + std::to_string(i + 1) + ".example");
    EXPECT_TRUE(d.find("d0.example")->reason.starts_with("Too many hops"))
        << d.find("d0.example")->reason;
    EXPECT_EQ(net_.requests.size(), 6u);
    net_.world["x.example"] = delegates("y.example");
    net_.world["y.example"] = delegates("x.example");
    EXPECT_EQ(d.find("x.example")->reason,
              "Circular reference in delegating authority: x.example > y.example");
}

TEST_F(DiscoveryTest, ManyDomainsStayWithinTheBound) {
    Options o;
    o.max_entries = 100;
    Discovery d(o, net_.ports());
    for (int i = 0; i < 1000; ++i) d.find("d" + std::to_string(i) + ".example");
    EXPECT_EQ(d.stats().entries, 100u);
}

TEST_F(DiscoveryTest, ProxyIdpsStandInForHttpFailureOnly) {
    Options o;
    o.protocol.proxy_idps = {{"mail.example", "bridge.example"}, {"bad.example", "bridge.example"}};
    Discovery d(o, net_.ports());
    net_.world["bridge.example"] = supported();
    net_.world["bad.example"] = answer("[]");
    EXPECT_EQ(d.find("mail.example")->authority, "bridge.example");
    EXPECT_TRUE(d.find("mail.example")->proxied);
    EXPECT_EQ(d.find("bad.example")->type, Discovered::Type::Unsupported);
    EXPECT_FALSE(d.find("bridge.example")->proxied);
}

TEST_F(DiscoveryTest, DisabledPrimarySupportFetchesNothing) {
    Options o;
    o.disable_primary_support = true;
    net_.world["a.example"] = supported();
    Discovery d(o, net_.ports());
    EXPECT_EQ(d.find("a.example")->type, Discovered::Type::Unsupported);
    EXPECT_TRUE(net_.requests.empty());
}

TEST_F(DiscoveryTest, AnHttpProxyIsAskedForTheWholeUrl) {
    Options o;
    o.http_proxy = "http://squid.internal:3128";
    net_.world["a.example"] = supported();
    Discovery d(o, net_.ports());
    d.find("a.example");
    EXPECT_EQ(net_.requests[0].proxy, "http://squid.internal:3128");
    EXPECT_EQ(net_.requests[0].url, "https://a.example/.well-known/browserid?domain=a.example");
}

TEST_F(DiscoveryTest, Overrides) {
    const std::string file = ::testing::TempDir() + "/doc." + std::to_string(::getpid());
    std::ofstream(file) << supported().fetched.body;
    Options o;
    const auto from_file = parseOverride("http://127.0.0.1:10005|" + file);
    const auto from_url = parseOverride("https://idp.internal:8443/doc");
    ::unlink(file.c_str());
    ASSERT_TRUE(from_file.ok()) << from_file.error();
    ASSERT_TRUE(from_url.ok()) << from_url.error();
    o.overrides = {{"file.example", *from_file}, {"url.example", *from_url}};
    net_.world["https://idp.internal:8443/doc?domain=url.example"] = supported();
    Discovery d(o, net_.ports());
    EXPECT_EQ(d.find("file.example")->authentication, "http://127.0.0.1:10005/auth");
    EXPECT_EQ(d.find("file.example")->authority, "file.example");
    EXPECT_TRUE(net_.requests.empty());
    EXPECT_EQ(d.find("url.example")->authentication, "https://url.example/auth");
    EXPECT_TRUE(net_.requests.at(0).allow_private);
}

TEST_F(DiscoveryTest, OverridesThatAreRefused) {
    for (const auto* text : {"", "/no/such/file", "http://idp.example/doc", "ftp://x|/etc/hosts",
                             "https://a.example/|/etc/hosts", "https://a.example/?x=1",
                             "http://127.0.0.1.evil.example/", "https://u@h|/etc/hosts"})
        EXPECT_FALSE(parseOverride(text).ok()) << text;
    EXPECT_TRUE(parseOverride("http://127.0.0.1:10005/.well-known/browserid").ok());
}

TEST_F(DiscoveryTest, SeenIsToldOnceInAWhile) {
    Discovery d({}, net_.ports());
    net_.world["a.example"] = delegates("idp.example", "no-store");
    net_.world["idp.example"] = supported("no-store");
    net_.world["off.example"] = answer(R"({"disabled":true})");
    d.find("a.example");
    d.find("off.example");
    d.find("none.example");
    EXPECT_EQ(net_.seen, (std::vector<std::string>{"a.example"}));
    net_.now_ms += 3'599'999;
    d.find("a.example");
    EXPECT_EQ(net_.seen.size(), 1u);
    net_.now_ms += 1;
    d.find("a.example");
    EXPECT_EQ(net_.seen.size(), 2u);
    d.forget("A.example");
    d.find("a.example");
    EXPECT_EQ(net_.seen.size(), 3u);
}

TEST_F(DiscoveryTest, FromManyThreads) {
    Options o;
    o.max_entries = 8;
    std::atomic<std::int64_t> now{0};
    Ports p;
    // Entries of 10 s lapse under way; a thread that is held up must not see the 15 s of a chain
    // pass.
    p.now_ms = [&] { return now += 1; };
    p.fetch = [](const FetchRequest& r, const std::function<void(FetchResponse)>& done) {
        done(r.host.starts_with("d1") ? delegates("d2.example") : supported("max-age=10"));
    };
    Discovery d(o, p);
    std::atomic<int> bad{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i)
                if (const auto r = d.find("d" + std::to_string(i % 20) + ".example");
                    !r || r->type != Discovered::Type::Primary)
                    ++bad;
        });
    for (auto& t : threads) t.join();
    EXPECT_EQ(bad, 0);
    EXPECT_LE(d.stats().entries, 8u);
}

}  // namespace
}  // namespace persona::discovery::testing
