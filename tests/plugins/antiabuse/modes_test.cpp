#include "plugins/antiabuse/modes.h"

#include <gtest/gtest.h>

#include <persona/sdk/siphash.hpp>

namespace persona::antiabuse {
namespace {

TEST(Modes, AreReadAndWritten) {
    for (const auto* text :
         {"off", "monitor", "enforce", "sample(0.1)", "sample(0.125)", "sample(1)"})
        EXPECT_EQ(parseMode(text)->text(), text);
    EXPECT_EQ(parseMode("sample(0)")->share, 0);
    for (const auto* bad : {"", "on", "sample", "sample()", "sample(1.1)", "sample(-1)",
                            "sample(nan)", "sample(0.1", "sample(0.1x)", "Enforce"})
        EXPECT_FALSE(parseMode(bad)) << bad;
}

TEST(Modes, ASampleIsAShareOfTheKeysAndAlwaysTheSame) {
    const auto mode = *parseMode("sample(0.25)");
    int acted = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        const auto key = sdk::mixed(i, 7);
        acted += mode.acts(key) ? 1 : 0;
        EXPECT_EQ(mode.acts(key), mode.acts(key));
    }
    EXPECT_NEAR(acted, 2'500, 200);
    EXPECT_FALSE(parseMode("monitor")->acts(0));
    EXPECT_TRUE(parseMode("enforce")->acts(999));
}

TEST(Modes, AReasonGoesBeforeItsHeuristic) {
    Modes m({{"rate", {Mode::Enforce, 1'000}}, {"rate.wider", {Mode::Monitor, 0}}}, {Mode::Off, 0});
    m.bind(3, "rate");
    m.bind(4, "other");
    EXPECT_EQ(m.of(3, "rate", "prefix").kind, Mode::Enforce);
    EXPECT_EQ(m.of(3, "rate", "wider").kind, Mode::Monitor);
    EXPECT_EQ(m.of(4).kind, Mode::Off);
    m.set(4, *parseMode("sample(0.5)"));
    EXPECT_EQ(m.of(4).text(), "sample(0.5)");
    EXPECT_EQ(m.of(3, "rate", std::string(500, 'x')).kind, Mode::Enforce);
}

}  // namespace
}  // namespace persona::antiabuse
