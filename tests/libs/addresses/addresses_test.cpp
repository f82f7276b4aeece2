#include <gtest/gtest.h>

#include <random>

#include "libs/addresses/prefix_set.h"

namespace persona::addresses {
namespace {

Address at(std::string_view text) {
    const auto a = parseAddress(text);
    EXPECT_TRUE(a) << text;
    return a.value_or(Address{});
}
PrefixSet setOf(std::string_view list) {
    const auto all = parsePrefixList(list);
    EXPECT_TRUE(all) << all.error();
    return PrefixSet(*all);
}

TEST(Addresses, AreReadStrictly) {
    EXPECT_TRUE(at("192.0.2.1").is_v4);
    EXPECT_EQ(at("192.0.2.1").v4(), 0xc0000201U);
    EXPECT_FALSE(at("2001:db8::1").is_v4);
    EXPECT_EQ(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    for (const auto* bad :
         {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1..2.3", "a.b.c.d",
          ":::", "2001:db8::g", "[::1]", "fe80::1%eth0", "1.2.3.4/24", "unix", "0000.1.1.1"})
        EXPECT_FALSE(parseAddress(bad)) << bad;
}

TEST(Prefixes, LoseTheirHostBits) {
    EXPECT_EQ(parsePrefix("192.0.2.77/24"), parsePrefix("192.0.2.0/24"));
    EXPECT_EQ(parsePrefix("192.0.2.77/27")->address, at("192.0.2.64"));
    EXPECT_EQ(parsePrefix("192.0.2.77/27")->last(), at("192.0.2.95"));
    EXPECT_EQ(parsePrefix("2001:db8:1:ffff::/44")->address, at("2001:db8::"));
    EXPECT_EQ(parsePrefix("10.0.0.1")->bits, 32U);
    EXPECT_EQ(parsePrefix("::1")->bits, 128U);
    for (const auto* bad : {"1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/8x", "/8"})
        EXPECT_FALSE(parsePrefix(bad)) << bad;
}

TEST(PrefixSets, FindTheEdges) {
    const auto s = setOf("10.0.0.0/8\n192.0.2.128/25 # half\n2001:db8::/32\r\n\n; none\n::1\n");
    EXPECT_EQ(s.size(), 4U);
    for (const auto* in : {"10.0.0.0", "10.255.255.255", "192.0.2.128", "192.0.2.255",
                           "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::1"})
        EXPECT_TRUE(s.contains(at(in))) << in;
    for (const auto* out : {"9.255.255.255", "11.0.0.0", "192.0.2.127", "192.0.3.0",
                            "2001:db7:ffff::", "2001:db9::", "::2", "::", "0.0.0.1"})
        EXPECT_FALSE(s.contains(at(out))) << out;
    EXPECT_FALSE(PrefixSet().contains(at("10.0.0.1")));
}

TEST(PrefixSets, OverlapsAreJoined) {
    const auto s = setOf("10.0.0.0/16\n10.0.0.0/8\n10.1.2.0/24\n0.0.0.0/0\n");
    EXPECT_EQ(s.size(), 1U);
    EXPECT_TRUE(s.contains(at("255.255.255.255")));
}

TEST(PrefixSets, AgreeWithASearchThroughAll) {
    std::mt19937 random(7);
    std::vector<Prefix> all;
    for (int i = 0; i < 3'000; ++i) {
        Address a;
        a.is_v4 = true;
        // Crowded on purpose, so that ranges meet at the borders of the index.
        for (auto& o : a.octets) o = 0;
        a.octets[0] = 10;
        a.octets[1] = static_cast<std::uint8_t>(random() % 4);
        a.octets[2] = static_cast<std::uint8_t>(random());
        a.octets[3] = static_cast<std::uint8_t>(random());
        const auto text = std::to_string(a.octets[0]) + "." + std::to_string(a.octets[1]) + "." +
                          std::to_string(a.octets[2]) + "." + std::to_string(a.octets[3]) + "/" +
                          std::to_string(14 + random() % 19);
        all.push_back(*parsePrefix(text));
    }
    std::erase_if(all, [](const Prefix& p) { return p.bits < 22; });
    all.push_back(*parsePrefix("10.1.128.0/17"));
    all.push_back(*parsePrefix("10.2.0.0/15"));
    const PrefixSet s(all);
    int inside = 0;
    for (int i = 0; i < 20'000; ++i) {
        Address a;
        a.is_v4 = true;
        const auto value = 0x0a000000U + static_cast<std::uint32_t>(random() % (5 << 16));
        for (std::size_t k = 0; k < 4; ++k)
            a.octets[k] = static_cast<std::uint8_t>(value >> (24 - 8 * k));
        bool expected = false;
        for (const auto& p : all) expected |= p.address.v4() <= value && value <= p.last().v4();
        ASSERT_EQ(s.contains(a), expected) << value;
        inside += expected ? 1 : 0;
    }
    EXPECT_GT(inside, 1'000);
    EXPECT_LT(inside, 19'000);
}

TEST(PrefixLists, NameTheLineAndNotWhatStandsInIt) {
    const auto bad = parsePrefixList("10.0.0.0/8\nsecret-host\n");
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().find("secret"), std::string::npos);
    EXPECT_NE(bad.error().find("line 2"), std::string::npos);
    EXPECT_FALSE(parsePrefixList("1.1.1.1\n2.2.2.2\n", 1));
}

}  // namespace
}  // namespace persona::addresses
