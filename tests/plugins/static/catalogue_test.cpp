#include "plugins/static/catalogue.h"

#include <gtest/gtest.h>

#include "plugins/static/views.h"

namespace persona::pages {
namespace {

using protocol::Json;

const char* const kEnglish =
    R"({"page.hi":"Hello {service}","page.bye":"Bye","js.n":{"one":"{n} day","other":"{n} days"},)"
    R"("js.x":"a </script> b"})";
const std::map<std::string, std::string> kFixed{{"service", "Persona"}};

std::string rendered(const Catalogue& texts, const std::string& text) {
    Renderer r({{"v", text}, {"_part", "<{{t.page.bye}}>"}}, {{"a.js", "/v/1/a.js"}}, "Per<sona",
               "https://login.example");
    return r.render({"/", "v", "", {}}, texts);
}

TEST(Catalogue, EnglishFillsWhatIsEmptyOrMissing) {
    const auto english = Json::parse(kEnglish);
    const auto german =
        Catalogue::parse("de", R"({"page.hi":"Hallo {service}","page.bye":""})", &*english, kFixed);
    ASSERT_TRUE(german) << german.error();
    EXPECT_EQ(rendered(*german, "{{lang}} {{dir}} {{t.page.hi}} {{t.page.bye}} {{> _part}}"),
              "de ltr Hallo Persona Bye <Bye>");
    EXPECT_NE(german->scripts().find(R"("n":{"one":"{n} day")"), std::string::npos);
}

TEST(Catalogue, ScriptsCannotEndTheirElement) {
    const auto english = Catalogue::parse("en", kEnglish, nullptr, kFixed);
    ASSERT_TRUE(english);
    EXPECT_EQ(english->scripts().find("</script>"), std::string::npos);
    EXPECT_TRUE(Json::parse(english->scripts()));
}

TEST(Catalogue, PseudoKeepsPlaceholdersAndGrows) {
    const auto english = Json::parse(kEnglish);
    const auto pseudo = Catalogue::pseudo("en-XA", *english, kFixed);
    const auto text = rendered(pseudo, "{{t.page.hi}}");
    EXPECT_NE(text.find("Persona"), std::string::npos) << text;
    EXPECT_TRUE(text.starts_with("[H")) << text;
    EXPECT_GT(text.size(), std::string("Hello Persona").size());
}

TEST(Catalogue, WrongShapesAreNamed) {
    const auto english = Json::parse(kEnglish);
    EXPECT_EQ(Catalogue::parse("de", "[]", &*english, kFixed).error(),
              "locales/de.json: is not a JSON object without repeated names");
    const auto wrong = Catalogue::parse("de", R"({"page.hi":{"one":"x"}})", &*english, kFixed);
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().find("page.hi"), std::string::npos);
}

TEST(Catalogue, ArabicRunsRightToLeft) {
    const auto english = Json::parse(kEnglish);
    EXPECT_TRUE(Catalogue::parse("ar", "{}", &*english, kFixed)->rightToLeft());
    EXPECT_FALSE(Catalogue::parse("pt-BR", "{}", &*english, kFixed)->rightToLeft());
}

TEST(Renderer, EscapesAndNamesWhatIsMissing) {
    const auto english = Catalogue::parse("en", kEnglish, nullptr, kFixed);
    EXPECT_EQ(rendered(*english, "{{service}} {{asset.a_js}}"), "Per&lt;sona /v/1/a.js");
    Renderer r({}, {}, "P", "https://login.example");
    EXPECT_THROW((void)r.render({"/", "gone", "", {}}, *english), std::runtime_error);
}

}  // namespace
}  // namespace persona::pages
