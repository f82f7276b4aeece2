#include "plugins/static/accept.h"

#include <gtest/gtest.h>

namespace persona::pages {
namespace {

TEST(Encoding, BestThatIsAcceptedAndThere) {
    const auto choose = [](std::string_view accept) { return chooseEncoding(accept, true, true); };
    EXPECT_EQ(choose("gzip, deflate, br"), Encoding::Brotli);
    EXPECT_EQ(choose("gzip, deflate"), Encoding::Gzip);
    EXPECT_EQ(choose(""), Encoding::Identity);
    EXPECT_EQ(choose("identity"), Encoding::Identity);
    EXPECT_EQ(choose("br;q=0, gzip;q=0.5"), Encoding::Gzip);
    EXPECT_EQ(choose("br;q=0.2, gzip;q=0.8"), Encoding::Gzip);
    EXPECT_EQ(choose("*"), Encoding::Brotli);
    EXPECT_EQ(choose("*;q=0"), Encoding::Identity);
    EXPECT_EQ(choose("gzip;q=banana"), Encoding::Identity);
    EXPECT_EQ(choose("BR"), Encoding::Brotli);
    EXPECT_EQ(chooseEncoding("br, gzip", true, false), Encoding::Gzip);
    EXPECT_EQ(chooseEncoding("br, gzip", false, false), Encoding::Identity);
}

TEST(Language, WeightsThenExactThenPrimary) {
    const std::vector<std::string> have{"ar", "de", "en", "fr", "pt", "en-xa"};
    const auto choose = [&](std::string_view accept) {
        return have[chooseLanguage(accept, have, 2)];
    };
    EXPECT_EQ(choose(""), "en");
    EXPECT_EQ(choose("de-CH, fr;q=0.9"), "de");
    EXPECT_EQ(choose("fr;q=0.5, de;q=0.8"), "de");
    EXPECT_EQ(choose("pt-BR"), "pt");
    EXPECT_EQ(choose("en-XA"), "en-xa");
    EXPECT_EQ(choose("tlh, fr;q=0.3"), "fr");
    EXPECT_EQ(choose("tlh"), "en");
    EXPECT_EQ(choose("*;q=0.1, ar"), "ar");
    EXPECT_EQ(choose("de;q=0"), "en");
    EXPECT_EQ(choose(",,;;q=,;"), "en");
    // A field of any length costs no more than its first wishes.
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += "xx,";
    EXPECT_EQ(choose(flood + "fr"), "en");
}

TEST(Etag, ListsStarAndWeak) {
    EXPECT_TRUE(matches("\"a\"", "\"a\""));
    EXPECT_TRUE(matches("\"b\", W/\"a\"", "\"a\""));
    EXPECT_TRUE(matches("*", "\"a\""));
    EXPECT_FALSE(matches("\"aa\"", "\"a\""));
    EXPECT_FALSE(matches("", "\"a\""));
}

TEST(Range, OnePartOrTheWhole) {
    const auto part = [](std::string_view f) {
        const auto r = parseRange(f, 10);
        return r.kind == Range::Kind::Whole ? std::string("whole")
               : r.kind == Range::Kind::Unsatisfiable
                   ? std::string("none")
                   : std::to_string(r.first) + "-" + std::to_string(r.last);
    };
    EXPECT_EQ(part("bytes=0-3"), "0-3");
    EXPECT_EQ(part("bytes=4-"), "4-9");
    EXPECT_EQ(part("bytes=-3"), "7-9");
    EXPECT_EQ(part("bytes=-99"), "0-9");
    EXPECT_EQ(part("bytes=8-99"), "8-9");
    EXPECT_EQ(part("bytes=10-"), "none");
    EXPECT_EQ(part("bytes=-0"), "none");
    EXPECT_EQ(part("bytes=3-1"), "whole");
    EXPECT_EQ(part("bytes=0-1,3-4"), "whole");
    EXPECT_EQ(part("lines=0-1"), "whole");
    EXPECT_EQ(part("bytes=x-1"), "whole");
    EXPECT_EQ(part("bytes=99999999999999999999-"), "whole");
}

TEST(Path, EscapesOnceAndStrictly) {
    EXPECT_EQ(decodePath("/a%20b"), "/a b");
    EXPECT_EQ(decodePath("/%2e%2e/etc"), "/../etc");
    EXPECT_EQ(decodePath("/%252e"), "/%2e");
    EXPECT_FALSE(decodePath("/%zz"));
    EXPECT_FALSE(decodePath("/%"));
    EXPECT_FALSE(decodePath("/%0"));
    EXPECT_FALSE(decodePath("/a%00b"));
}

}  // namespace
}  // namespace persona::pages
