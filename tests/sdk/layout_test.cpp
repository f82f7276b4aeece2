#include <gtest/gtest.h>

extern "C" int layoutInC11(void);
int layoutInCpp17();
int layoutInCpp20();

/// The checks are made by the compilers; that all three were built is what is left to see.
TEST(Layout, HoldsInC11Cpp17AndCpp20) {
    EXPECT_EQ(layoutInC11() + layoutInCpp17() + layoutInCpp20(), 3);
}
