#include "libs/accounts/address.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libs/protocol/json.h"

namespace persona::accounts {
namespace {

TEST(Address, ParsesWhatTheVectorsCallValid) {
    std::ifstream file("tests/data/vectors/emails.json");
    std::stringstream text;
    text << file.rdbuf();
    const auto json = protocol::Json::parse(text.str());
    ASSERT_TRUE(json);
    int seen = 0;
    for (const auto& one : json->find("cases")->items()) {
        const auto* expect = one.find("expect");
        const auto address = Address::parse(*one.findText("email"));
        EXPECT_EQ(address.has_value(), expect->find("valid")->boolean()) << *one.findText("email");
        if (address) {
            EXPECT_EQ(address->domain(), *expect->findText("lookup_domain"));
        }
        ++seen;
    }
    EXPECT_GT(seen, 10);
}

TEST(Address, KeepsTheSpellingAndFoldsTheKey) {
    const auto address = Address::parse("Alice.B@Example.COM");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->spelling(), "Alice.B@Example.COM");
    EXPECT_EQ(address->key(), "alice.b@example.com");
    EXPECT_EQ(address->domain(), "example.com");
}

TEST(Address, RefusesWhatIsTooLong) {  // W27
    const std::string local(64, 'l');
    const std::string label(63, 'd');
    const auto of = [&](int last) {
        return local + "@" + label + "." + label + "." + std::string(last, 'e');
    };
    EXPECT_EQ(of(61).size(), 254U);
    EXPECT_TRUE(Address::parse(of(61)));
    EXPECT_FALSE(Address::parse(of(62)));
    EXPECT_FALSE(Address::parse(std::string(300, 'a') + "@x.example"));
    EXPECT_FALSE(Address::parse(std::string_view("a\0b@x.example", 13)));
    EXPECT_FALSE(Address::parse("a@[127.0.0.1]"));
}

TEST(Address, TurnsDomainsInUnicodeIntoALabels) {
    const auto address = Address::parseInternational("Jo@B\u00fccher.example");
    ASSERT_TRUE(address);
    EXPECT_EQ(address->key(), "jo@xn--bcher-kva.example");
    // The decomposed form, upper case and an ideographic full stop are the same domain.
    EXPECT_EQ(Address::parseInternational("jo@BU\u0308CHER\u3002example")->key(), address->key());
    // Not the transitional form: the sharp s stays itself.
    EXPECT_EQ(Address::parseInternational("jo@fa\u00df.example")->key(), "jo@xn--fa-hia.example");
    EXPECT_EQ(Address::parseInternational("jo@x.example")->key(), "jo@x.example");
    for (const char* bad : {"jos\u00e9@x.example", "jo@", "@x.example", "jo", "jo@\xff.example",
                            "jo@a\u200db.example"})
        EXPECT_FALSE(Address::parseInternational(bad)) << bad;
    EXPECT_FALSE(Address::parseInternational(std::string_view("jo@x.example\0.com", 17)));
}

}  // namespace
}  // namespace persona::accounts
