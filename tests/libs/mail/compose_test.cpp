#include "libs/mail/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/mail/locale.h"

namespace persona::mail {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kToken(48, 't');
const std::string kRandom(32, '\x5a');
constexpr std::int64_t kNow = 1'700'000'000'000;

Composer composer(bool remote_logos = false, const std::string& wordmark = "") {
    return Composer({"https://login.example", wordmark,
                     *parseMailbox("Persona <no-reply@login.example>"), remote_logos});
}

Message message(Kind kind = Kind::NewAccount) {
    Message out;
    out.kind = kind;
    out.to = "alice@mail.example";
    out.site = "https://Shop.Example:8443";
    out.token = landingPath(kind).empty() ? "" : kToken;
    out.locale = "en";
    return out;
}

Composed compose(const Message& m, const Composer& with = composer()) {
    auto out = with.compose(m, kNow, kRandom);
    EXPECT_TRUE(out) << out.error();
    return out ? *out : Composed{};
}

/// The parts of a multipart/alternative message, quoted-printable undone.
std::string decoded(const std::string& octets, const std::string& type) {
    const auto head = octets.find("Content-Type: " + type);
    if (head == std::string::npos) return "no part " + type;
    const auto begin = octets.find("\r\n\r\n", head) + 4;
    const auto end = octets.find("\r\n--=_", begin);
    std::string out;
    for (std::size_t i = begin; i < end; ++i) {
        if (octets[i] == '=' && octets.compare(i + 1, 2, "\r\n") == 0) {
            i += 2;
        } else if (octets[i] == '=') {
            out += static_cast<char>(std::stoi(octets.substr(i + 1, 2), nullptr, 16));
            i += 2;
        } else if (octets[i] != '\r') {
            out += octets[i];
        }
    }
    return out;
}

std::string headersOf(const Composed& mail) {
    return mail.octets.substr(0, mail.octets.find("\r\n\r\n") + 2);
}

TEST(Compose, HeadersAreThoseOfTheSpecification) {
    auto m = message();
    m.not_me_token = std::string(48, 'n');
    const auto mail = compose(m);
    const std::string id =
        "<" + std::string("5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a") + "@login.example>";
    EXPECT_EQ(mail.message_id, id);
    EXPECT_EQ(headersOf(mail),
              "From: \"Persona\" <no-reply@login.example>\r\n"
              "To: alice@mail.example\r\n"
              "Subject: shop.example: Complete sign-in\r\n"
              "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
              "Message-ID: " +
                  id +
                  "\r\n"
                  "Auto-Submitted: auto-generated\r\n"
                  "X-BrowserID-VerificationURL: https://login.example/verify_email_address?token=" +
                  kToken +
                  "\r\n"
                  "X-BrowserID-RelyingParty: shop.example\r\n"
                  "List-Unsubscribe: <https://login.example/not_me?token=" +
                  m.not_me_token +
                  ">\r\n"
                  "Content-Language: en\r\n"
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: multipart/alternative; "
                  "boundary=\"=_5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\"\r\n");
}

TEST(Compose, EveryKindSaysWhatItIsAndLinksToItsPage) {
    const struct {
        Kind kind;
        const char *path, *subject, *button;
    } rows[] = {
        {Kind::NewAccount, "/verify_email_address", "shop.example: Complete sign-in",
         "Confirm your account now"},
        {Kind::Confirm, "/confirm", "shop.example: Complete sign-in", "Confirm your address now"},
        {Kind::Reset, "/reset_password", "shop.example: Complete password reset",
         "Reset your password now"},
        {Kind::Transition, "/complete_transition", "shop.example: Complete sign-in",
         "Confirm your address now"},
        {Kind::Unblock, "/unblock", "shop.example: Sign in again", "Sign in again"},
    };
    for (const auto& row : rows) {
        const auto mail = compose(message(row.kind));
        const std::string link =
            std::string("https://login.example") + row.path + "?token=" + kToken;
        EXPECT_EQ(mail.subject, row.subject);
        EXPECT_THAT(mail.body, HasSubstr("\n" + link + "\n")) << "the link is alone on its line";
        EXPECT_EQ(decoded(mail.octets, "text/plain"), mail.body);
        const auto html = decoded(mail.octets, "text/html");
        EXPECT_THAT(html, HasSubstr("<a href=\"" + link + "\""));
        EXPECT_THAT(html, HasSubstr(std::string(">") + row.button + "</a>"));
        EXPECT_THAT(mail.octets, HasSubstr("X-BrowserID-VerificationURL: " + link + "\r\n"));
        EXPECT_THAT(mail.octets, Not(HasSubstr("List-Unsubscribe")));
        EXPECT_THAT(html, HasSubstr("https://login.example/about"));
    }
    EXPECT_THAT(compose(message(Kind::Reset)).body, Not(HasSubstr("shop.example")))
        << "the text of a reset names no site";
}

TEST(Compose, NoticesHaveNoLinkOfTheirOwnButMayHaveTheOtherOne) {
    for (const auto kind : {Kind::PasswordChanged, Kind::AddressMoved, Kind::AccountClosed}) {
        auto m = message(kind);
        m.site.clear();
        m.not_me_token = std::string(48, 'n');
        const auto mail = compose(m);
        EXPECT_THAT(mail.subject, HasSubstr("Persona: "));
        EXPECT_THAT(mail.body, HasSubstr("alice@mail.example"));
        EXPECT_THAT(mail.body,
                    HasSubstr("\nhttps://login.example/not_me?token=" + m.not_me_token + "\n"));
        EXPECT_THAT(headersOf(mail), Not(HasSubstr("X-BrowserID")));
        EXPECT_THAT(headersOf(mail), Not(HasSubstr("List-Unsubscribe")));
        m.token = kToken;
        EXPECT_FALSE(composer().compose(m, kNow, kRandom)) << "a token without a page";
    }
}

TEST(Compose, WhatDoesNotFitIsRefusedAndNotRepeated) {
    const std::string nul(1, '\0');
    std::vector<std::pair<const char*, Message>> cases;
    const auto add = [&](const char* field, auto change) {
        auto m = message();
        change(m);
        cases.emplace_back(field, m);
    };
    for (const std::string& to :
         {std::string(""), std::string("secret"), std::string("secret@b"),
          std::string("secret@b.example\r\nBcc: c@d.example"),
          std::string("secret@b.example,c@d.example"), "secret@b.example" + nul,
          "se" + nul + "cret@b.example", std::string("secret @b.example"),
          std::string("\"secret a\"@b.example"), std::string("<secret@b.example>"),
          std::string("secret@b.example>"), std::string("secret@[127.0.0.1]"),
          std::string("sécret@b.example"), std::string("secret@b.example "),
          "secret" + std::string(80, 'a') + "@b.example",
          "secret@" + std::string(250, 'b') + ".example",
          std::string("=?utf-8?q?secret=40?= <a@b.example>"),
          std::string("secret@b.example\n.\nQUIT")})
        add("to", [&](Message& m) { m.to = to; });
    for (const std::string& site :
         {std::string("https://secret.example/path"), std::string("secret.example\r\nX: y"),
          std::string("secret example"), "secret" + nul, std::string("https://"),
          std::string("secret<b>.example"), std::string("{{secret}}"),
          std::string("=?utf-8?q?secret?="), std::string(255, 'a'), std::string("sécret.example")})
        add("site", [&](Message& m) { m.site = site; });
    for (const std::string& token :
         {std::string(""), std::string("secret"), std::string(129, 'a'), kToken + "\r\n",
          kToken + "&secret", kToken + "\"", kToken + nul, kToken + "=secret"}) {
        add("token", [&](Message& m) { m.token = token; });
        if (!token.empty()) add("not_me_token", [&](Message& m) { m.not_me_token = token; });
    }
    for (const char* colour :
         {"red", "#12", "#1234567", "#12345g", "##123", "123;secret", "\"><secret"})
        add("background_color", [&](Message& m) { m.background_color = colour; });
    for (const char* logo :
         {"http://secret.example/a.png", "javascript:secret", "https://secret.example/a b",
          "data:image/png;base64,secret", "https://secret\r\n"})
        add("site_logo", [&](Message& m) { m.site_logo = logo; });
    for (const auto& [field, m] : cases) {
        const auto mail = composer(true).compose(m, kNow, kRandom);
        ASSERT_FALSE(mail) << field << ": " << m.to << m.site << m.token << m.background_color
                           << m.site_logo;
        EXPECT_THAT(mail.error(), HasSubstr(field));
        EXPECT_THAT(mail.error(), Not(HasSubstr("secret"))) << "errors get into logs";
    }
    EXPECT_FALSE(composer().compose(message(), kNow, "short")) << "a Message-ID must not repeat";
}

TEST(Compose, OddButValidAddressesGoThroughAsTheyAre) {
    for (const std::string& to :
         {std::string("a+b=c@mail.example"), std::string("`{|}~!#$%&'*/?^_@mail.example"),
          std::string("O'Brien@MAIL.Example"), std::string("a@xn--bcher-kva.example"),
          std::string(64, 'a') + "@mail.example", std::string("=?utf-8?B?YQ==?=@mail.example")}) {
        auto m = message(Kind::PasswordChanged);
        m.to = to;
        const auto mail = compose(m);
        EXPECT_THAT(mail.octets, HasSubstr("\r\nTo: " + to + "\r\n"));
        EXPECT_THAT(mail.body, HasSubstr(to));
    }
}

TEST(Compose, HtmlIsEscaped) {
    auto m = message(Kind::PasswordChanged);
    m.to = "a&'{{{intro}}}b@mail.example";
    const auto html = decoded(compose(m).octets, "text/html");
    EXPECT_THAT(html, HasSubstr("a&amp;&apos;{{{intro}}}b@mail.example"));
    EXPECT_THAT(html, Not(HasSubstr("a&'")));
    EXPECT_THAT(compose(m).body, HasSubstr("a&'{{{intro}}}b@mail.example")) << "but not the text";
}

TEST(Compose, BrandingFollowsTheSpecification) {
    auto m = message();
    EXPECT_THAT(decoded(compose(m).octets, "text/html"), HasSubstr("background-color:#45505b"));
    m.background_color = "A1b";
    EXPECT_THAT(decoded(compose(m).octets, "text/html"), HasSubstr("background-color:#A1b"));
    m.background_color = "#00ff00";
    EXPECT_THAT(decoded(compose(m).octets, "text/html"), HasSubstr("background-color:#00ff00"));

    // W32: a remote image of the site would tell it who opens the mail.
    m.site_logo = "https://shop.example/logo.png?a=1&b=\"2";
    EXPECT_THAT(compose(m).octets, Not(HasSubstr("<img")));
    const auto html = decoded(compose(m, composer(true)).octets, "text/html");
    EXPECT_THAT(html, HasSubstr("<img src=\"https://shop.example/logo.png?a=1&amp;b=&quot;2\""));
    EXPECT_THAT(html, HasSubstr("alt=\"shop.example\""));
    EXPECT_THAT(html, HasSubstr("max-width:200px;max-height:200px"));
    EXPECT_THAT(
        decoded(compose(m, composer(false, "https://static.example/mark.png")).octets, "text/html"),
        HasSubstr("<img src=\"https://static.example/mark.png\""));
}

TEST(Compose, EveryLocaleMakesAWholeMessage) {
    for (const auto& locale : locales())
        for (int kind = 0; kind < kKinds; ++kind) {
            auto m = message(static_cast<Kind>(kind));
            m.locale = locale;
            const auto mail = compose(m);
            const auto html = decoded(mail.octets, "text/html");
            EXPECT_THAT(html, HasSubstr("lang=\"" + locale + "\" dir=\"" +
                                        (locale == "ar" ? "rtl" : "ltr")));
            EXPECT_THAT(mail.octets, HasSubstr("\r\nContent-Language: " + locale + "\r\n"));
            EXPECT_THAT(html + mail.body, Not(HasSubstr("{{"))) << "an unfilled tag";
            EXPECT_THAT(mail.body, Not(HasSubstr("{site}")));
            for (const char c : mail.octets)
                ASSERT_TRUE(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f));
            for (std::size_t at = 0, end; at < mail.octets.size(); at = end + 2) {
                end = mail.octets.find("\r\n", at);
                ASSERT_NE(end, std::string::npos);
                ASSERT_LE(end - at, 998U);
                ASSERT_EQ(mail.octets.substr(at, end - at).find('\n'), std::string::npos);
            }
        }
}

TEST(Compose, ArabicIsolatesTheNameOfTheSite) {
    auto m = message();
    m.locale = "ar";
    const auto mail = compose(m);
    EXPECT_THAT(mail.subject, HasSubstr("\u2066shop.example\u2069"));
    EXPECT_THAT(headersOf(mail), HasSubstr("Subject: =?utf-8?B?"));
}

}  // namespace
}  // namespace persona::mail
