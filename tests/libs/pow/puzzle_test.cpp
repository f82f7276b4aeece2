#include "libs/pow/puzzle.h"

#include <gtest/gtest.h>

namespace persona::pow {
namespace {

Puzzle puzzle(Algorithm algorithm, std::uint32_t bits) {
    Puzzle p;
    p.algorithm = algorithm;
    p.iterations = 3;
    p.bits = bits;
    for (unsigned i = 0; i < Puzzle::kSeed; ++i) p.seed[i] = static_cast<unsigned char>(i * 7);
    return p;
}

TEST(Puzzle, WhatWasSolvedIsSolved) {
    for (const auto algorithm : {Algorithm::Pbkdf2, Algorithm::Sha256}) {
        const auto p = puzzle(algorithm, 8);
        auto s = solve(p);
        EXPECT_TRUE(isSolved(p, s));
        // The least number is the first that fits: the one before does not.
        for (unsigned i = 0; i < Puzzle::kParts; ++i) {
            auto wrong = s;
            if (wrong[i] == 0) continue;
            --wrong[i];
            EXPECT_FALSE(isSolved(p, wrong)) << i;
        }
        auto other = p;
        other.seed[15] ^= 1;
        EXPECT_FALSE(isSolved(other, s)) << "another seed";
        other = puzzle(algorithm == Algorithm::Pbkdf2 ? Algorithm::Sha256 : Algorithm::Pbkdf2, 8);
        EXPECT_FALSE(isSolved(other, s)) << "another hash";
    }
}

/// What the browser's script must find as well; tests/web/work.test.js has the same numbers.
TEST(Puzzle, KnownAnswers) {
    EXPECT_EQ(textOf(solve(puzzle(Algorithm::Pbkdf2, 10))), "491,320,708,165");
    EXPECT_EQ(textOf(solve(puzzle(Algorithm::Sha256, 12))), "383,1563,845,206");
}

TEST(Puzzle, TextsAreReadStrictly) {
    const Solution s{0, 1, 9'007'199'254'740'991ULL, 42};
    EXPECT_EQ(textOf(s), "0,1,9007199254740991,42");
    EXPECT_EQ(parseSolution(textOf(s)), s);
    for (const auto* bad : {"", "1,2,3", "1,2,3,", "1,2,3,4,5", "1,2,3,4,", "1,2,,4", "-1,2,3,4",
                            "1,2,3,4 ", " 1,2,3,4", "1;2;3;4", "0x1,2,3,4",
                            "9007199254740992,1,1,1", "18446744073709551616,1,1,1"})
        EXPECT_FALSE(parseSolution(bad)) << bad;
    EXPECT_EQ(algorithmOf("pbkdf2"), Algorithm::Pbkdf2);
    EXPECT_EQ(algorithmOf("s256"), Algorithm::Sha256);
    EXPECT_FALSE(algorithmOf("md5"));
}

}  // namespace
}  // namespace persona::pow
