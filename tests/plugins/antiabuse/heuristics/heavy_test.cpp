#include <gtest/gtest.h>

#include <map>
#include <persona/testing/harness.hpp>
#include <random>

#include "plugins/antiabuse/heuristics/heavy/sketch.h"

namespace persona::testing {
namespace {

using antiabuse::Sketch;

const std::string kFile = PERSONA_PLUGIN_DIR "/antiabuse/heavy.so";

TEST(Sketch, NeverCountsTooLittleAndFindsTheHeavyOnes) {
    auto sketch = std::make_unique<Sketch>();
    std::mt19937_64 random(3);
    std::map<std::uint64_t, std::uint32_t> truth;
    std::vector<std::uint64_t> heavy;
    for (int i = 0; i < 20; ++i) heavy.push_back(random());
    for (int i = 0; i < 400'000; ++i) {
        // A fifth of the traffic is of twenty, the rest of very many.
        const auto key = i % 5 == 0 ? heavy[random() % heavy.size()] : random();
        ++truth[key];
        sketch->add(key, 1);
    }
    for (const auto key : heavy) {
        EXPECT_GE(sketch->count(key), truth[key]);
        EXPECT_LE(sketch->count(key), truth[key] + 400'000 / 4'096 * 2);
    }
    sketch->clear();
    EXPECT_EQ(sketch->count(heavy[0]), 0U);
    EXPECT_TRUE(sketch->counts().empty());
}

/// A second of traffic: `many` clients with one request each, one with `loud`.
void second(Harness& h, int many, int loud, int& boxed, int& others, std::uint32_t credit = 0) {
    psn_outcome refused{};
    refused.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
    const auto ask = [&](const std::string& from, int& hit, std::uint32_t has) {
        const auto f = h.facts().from(from).routeClass(PSN_ROUTE_LOOKUP).credit(has);
        const auto v = f.evaluate();
        if (v.kind == PSN_VERDICT_ABSTAIN) return f.observe(200);
        EXPECT_EQ(v.kind, PSN_VERDICT_THROTTLE);
        EXPECT_EQ(v.box_ms, 30'000U);
        ++hit;
        f.observe(refused);
    };
    for (int i = 0; i < many; ++i)
        ask("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), others, 0);
    for (int i = 0; i < loud; ++i) ask("192.0.2.1", boxed, credit);
    h.clock().advance(std::chrono::seconds(1));
}

TEST(Heavy, WhoAsksForMostIsBoxedWhenTheServiceIsFull) {
    Harness h(kFile);
    int boxed = 0, others = 0;
    for (int i = 0; i < 12; ++i) second(h, 800, 400, boxed, others);
    EXPECT_EQ(others, 0);
    EXPECT_GT(boxed, 100);
    Harness calm(kFile);
    boxed = 0;
    for (int i = 0; i < 30; ++i) second(calm, 200, 400, boxed, others);
    EXPECT_EQ(boxed, 0) << "there is room for all";
}

TEST(Heavy, CreditGivesRoom) {
    Harness h(kFile);
    int boxed = 0, others = 0;
    for (int i = 0; i < 15; ++i) second(h, 800, 400, boxed, others, 100);
    EXPECT_EQ(boxed + others, 0) << "an office may be large";
}

TEST(Heavy, WhatCostsMostIsHeavyToo) {
    Harness h(kFile, "processors: 1");
    psn_outcome costly{};
    costly.status = 200;
    costly.cost_us = 150'000;
    int boxed = 0;
    for (int s = 0; s < 15; ++s) {
        for (int i = 0; i < 5; ++i) {
            const auto loud = h.facts().from("192.0.2.1").routeClass(PSN_ROUTE_LOGIN);
            if (loud.evaluate().kind != PSN_VERDICT_ABSTAIN) {
                ++boxed;
                psn_outcome refused{};
                refused.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
                loud.observe(refused);
            } else {
                loud.observe(costly);
            }
            const auto quiet = h.facts()
                                   .from("10.0." + std::to_string(s) + "." + std::to_string(i))
                                   .routeClass(PSN_ROUTE_LOGIN);
            EXPECT_EQ(quiet.evaluate().kind, PSN_VERDICT_ABSTAIN);
            costly.cost_us = 30'000;
            quiet.observe(costly);
            costly.cost_us = 150'000;
        }
        h.clock().advance(std::chrono::seconds(1));
    }
    EXPECT_GT(boxed, 5);
}

TEST(Heavy, RelyingPartiesAndKnownBrowsersAreLeftOut) {
    Harness h(kFile);
    for (int s = 0; s < 15; ++s) {
        for (int i = 0; i < 1'000; ++i) {
            EXPECT_EQ(h.facts().routeClass(PSN_ROUTE_VERIFY).evaluate().kind, PSN_VERDICT_ABSTAIN);
            EXPECT_EQ(h.facts().routeClass(PSN_ROUTE_LOOKUP).session("x").evaluate().kind,
                      PSN_VERDICT_ABSTAIN);
        }
        h.clock().advance(std::chrono::seconds(1));
    }
}

}  // namespace
}  // namespace persona::testing
