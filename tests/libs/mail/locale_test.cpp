#include "libs/mail/locale.h"

#include <gtest/gtest.h>

#include <set>

#include "libs/mail/catalogue.h"
#include "libs/mail/resources.h"
#include "libs/protocol/json.h"

namespace persona::mail {
namespace {

TEST(ChooseLocale, HighestQualityFirstThenOrder) {
    const std::vector<std::string> supported = {"en", "de", "fr", "pt", "en-XA"};
    const struct {
        const char *header, *expected;
    } cases[] = {
        {"", "en"},
        {"de", "de"},
        {"DE-at", "de"},
        {"de;q=0.5, fr;q=0.9", "fr"},
        {"de;q=0.5, fr;q=0.5", "de"},
        {"xx, yy;q=0.9, fr;q=0.1", "fr"},
        {"en-XA", "en-XA"},
        {"it", "en"},
        {"en-GB", "en"},
        {"en-xa;q=0.1", "en-XA"},
        {"it-CH", "en"},
        {"pt-BR, en;q=0.8", "pt"},
        {"de;q=0", "en"},
        {"de;q=0.000, fr;q=0.001", "fr"},
        {"de;q=2, fr;q=0.1", "fr"},
        {"de;q=, fr;q=0.1", "fr"},
        {"de;q=0.1234, fr;q=0.1", "fr"},
        {"*", "en"},
        {",,, ;q=1, de", "de"},
        {"de;level=1, fr", "fr"},
        {"\x01\xff, de", "de"},
    };
    for (const auto& c : cases)
        EXPECT_EQ(chooseLocale(c.header, supported, "en"), c.expected) << c.header;
    EXPECT_EQ(chooseLocale("xx", supported, "fr"), "fr");
    EXPECT_EQ(chooseLocale("de", {}, "en"), "en");
}

TEST(ChooseLocale, ReadsNoMoreThanItSays) {
    EXPECT_EQ(chooseLocale(std::string(1024, ',') + "de", {"de"}, "en"), "en");
    std::string many;
    for (int i = 0; i < 32; ++i) many += "xx,";
    EXPECT_EQ(chooseLocale(many + "de", {"de"}, "en"), "en");
    EXPECT_EQ(chooseLocale(std::string(1'000'000, 'a'), {"de"}, "en"), "en");
}

std::multiset<std::string> placeholders(const std::string& text) {
    std::multiset<std::string> out;
    for (auto open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1))
        out.insert(text.substr(open, text.find('}', open) - open));
    return out;
}

TEST(Catalogue, EveryLocaleIsCompleteAndKeepsThePlaceholders) {
    const auto english = protocol::Json::parse(resource("locales/en.json"));
    ASSERT_TRUE(english);
    ASSERT_GE(locales().size(), 7U);
    EXPECT_EQ(locales().front(), "en");
    EXPECT_EQ(locales().back(), kDebugLocale);
    for (const auto& name : locales()) {
        if (name == kDebugLocale) continue;
        const auto json = protocol::Json::parse(resource("locales/" + name + ".json"));
        ASSERT_TRUE(json) << name;
        EXPECT_EQ(json->members().size(), english->members().size()) << name;
        for (const auto& [key, text] : english->members()) {
            const auto* translated = json->findText(key);
            ASSERT_NE(translated, nullptr) << name << ' ' << key;
            EXPECT_FALSE(translated->empty()) << name << ' ' << key;
            EXPECT_EQ(placeholders(*translated), placeholders(text.text())) << name << ' ' << key;
            EXPECT_EQ(translated->find_first_of("\r\n"), std::string::npos) << name << ' ' << key;
        }
    }
}

TEST(Catalogue, ValuesAreFilledOnceAndIsolatedInRightToLeftText) {
    const auto subject = [](const char* locale, std::string_view site) {
        return Catalogue::of(locale).text("subject.new", {{"site", site}});
    };
    EXPECT_EQ(subject("en", "a.example"), "a.example: Complete sign-in");
    EXPECT_EQ(subject("en", "{site}{address}"), "{site}{address}: Complete sign-in");
    EXPECT_EQ(subject("xx", "a.example"), "a.example: Complete sign-in");
    EXPECT_TRUE(subject("ar", "a.example").starts_with("\u2066a.example\u2069: "));
    EXPECT_EQ(subject("en-XA", "acme.example"), "acme.example: Çómplété sígñ-íñ");
    EXPECT_EQ(Catalogue::of("en").text("no such key"), "");
}

}  // namespace
}  // namespace persona::mail
