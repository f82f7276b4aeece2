#include "libs/mail/header.h"

#include <gtest/gtest.h>

#include "libs/mail/encode.h"

namespace persona::mail {
namespace {

/// Every physical line of a header section or body, without its CR LF; fails on a bare CR or LF.
std::vector<std::string> linesOf(const std::string& text) {
    std::vector<std::string> out;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = text.find("\r\n", at);
        const auto line = text.substr(at, end == std::string::npos ? end : end - at);
        EXPECT_EQ(line.find_first_of("\r\n"), std::string::npos) << line;
        out.push_back(line);
        at = end == std::string::npos ? text.size() : end + 2;
    }
    return out;
}

TEST(Header, RefusesEveryControlCharacter) {
    for (int c = 0; c < 0x20; ++c) {
        const std::string value = std::string("a") + static_cast<char>(c) + "Bcc: x@example.org";
        Header structured, text;
        structured.add("X-A", value);
        text.addText("Subject", value);
        EXPECT_FALSE(structured.text()) << c;
        EXPECT_FALSE(text.text()) << c;
    }
    for (const char* bad :
         {"\x7f", "\u0085", "\u2028", "\u2029", "\xff", "\xc0\x8a", "\xed\xa0\x80"}) {
        Header text, structured;
        text.addText("Subject", bad);
        structured.add("X-A", bad);
        EXPECT_FALSE(text.text()) << bad;
        EXPECT_FALSE(structured.text()) << bad;
    }
}

TEST(Header, OneBadFieldSpoilsTheSectionAndIsNamed) {
    Header header;
    header.add("To", "a@example.org");
    header.add("X-A", "a\r\nBcc: b@example.org");
    header.add("X-B", "fine");
    const auto text = header.text();
    ASSERT_FALSE(text);
    EXPECT_NE(text.error().find("X-A"), std::string::npos);
    EXPECT_EQ(text.error().find("Bcc"), std::string::npos) << "content must not get into logs";
}

TEST(Header, LinesStayBelowTheLimit) {
    Header header;
    header.add("X-A", std::string(990, 'a'));
    EXPECT_TRUE(header.text());
    header.add("X-B", std::string(998, 'a'));
    EXPECT_FALSE(header.text());
}

TEST(Header, TextThatLooksEncodedIsEncoded) {
    Header header;
    header.addText("Subject", "=?utf-8?q?=0d=0aBcc:?= x");
    const auto text = header.text();
    ASSERT_TRUE(text);
    EXPECT_EQ(text->find("=0d=0a"), std::string::npos);
    EXPECT_TRUE(text->starts_with("Subject: =?utf-8?B?"));
}

TEST(Header, LongTextIsFoldedBetweenEncodedWords) {
    Header header;
    std::string subject;
    for (int i = 0; i < 100; ++i) subject += "サイ";
    header.addText("Subject", subject);
    const auto text = header.text();
    ASSERT_TRUE(text);
    const auto lines = linesOf(*text);
    ASSERT_GT(lines.size(), 5U);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto word = lines[i].substr(i == 0 ? 9 : 1);
        EXPECT_TRUE(i == 0 || lines[i][0] == ' ');
        EXPECT_LE(word.size(), 75U);
        EXPECT_TRUE(word.starts_with("=?utf-8?B?") && word.ends_with("?=")) << word;
        // A character of three octets never straddles two words: 15 * 3 octets are 60 digits.
        EXPECT_EQ((word.size() - 12) % 4, 0U);
        EXPECT_EQ(word.find('='), 0U);
        EXPECT_EQ(word.substr(10, word.size() - 12).find('='), std::string::npos);
    }
}

TEST(Header, LongPlainTextIsFoldedToo) {
    Header header;
    header.addText("Subject", std::string(254, 'a') + ": Complete sign-in");
    const auto text = header.text();
    ASSERT_TRUE(text);
    for (const auto& line : linesOf(*text)) EXPECT_LE(line.size(), 84U);
}

TEST(Mailbox, NamesAreQuotedOrEncoded) {
    const auto header = [](const char* text) {
        const auto mailbox = parseMailbox(text);
        return mailbox ? mailbox->header : "error";
    };
    EXPECT_EQ(header("no-reply@example.org"), "no-reply@example.org");
    EXPECT_EQ(header("<no-reply@example.org>"), "no-reply@example.org");
    EXPECT_EQ(header("Persona <no-reply@example.org>"), "\"Persona\" <no-reply@example.org>");
    EXPECT_EQ(header("A, B <a@example.org>"), "\"A, B\" <a@example.org>");
    EXPECT_EQ(header("\"Persona\" <a@example.org>"), "\"Persona\" <a@example.org>");
    EXPECT_EQ(header("a\"b\\c <a@example.org>"), "\"a\\\"b\\\\c\" <a@example.org>");
    EXPECT_EQ(header("Pérsona <a@example.org>"), "=?utf-8?B?UMOpcnNvbmE=?= <a@example.org>");
    for (const char* bad :
         {"", "Persona", "Persona <>", "a@b", "Persona <a@example.org", "a b@example.org",
          "P\r\nBcc: x@example.org <a@example.org>", "P\x01 <a@example.org>",
          "P <a@example.org>\r\nX: <b@example.org>", "\xff <a@example.org>"})
        EXPECT_EQ(header(bad), "error") << bad;
}

TEST(Encode, QuotedPrintableIsExact) {
    EXPECT_EQ(quotedPrintable("a=b\nä \n.\n \tx"), "a=3Db\r\n=C3=A4=20\r\n=2E\r\n =09x");
    EXPECT_EQ(quotedPrintable(""), "");
    EXPECT_EQ(quotedPrintable("a\r\nb"), "a=0D\r\nb");
    EXPECT_EQ(quotedPrintable(std::string("a\0b", 3)), "a=00b");
    const std::string exact(76, 'x');
    EXPECT_EQ(quotedPrintable(exact), exact) << "76 octets fit";
    EXPECT_EQ(quotedPrintable(exact + "y"), std::string(75, 'x') + "=\r\nxy");
    for (const std::string& text :
         {std::string(1000, '='), std::string(1000, 'a'), std::string(1000, ' '),
          std::string(1000, '.'), std::string(75, 'a') + "..."}) {
        const auto encoded = quotedPrintable(text);
        std::string decoded;
        for (const auto& line : linesOf(encoded)) {
            EXPECT_LE(line.size(), 76U);
            EXPECT_FALSE(line.starts_with("."));
            EXPECT_NE(line.back(), ' ');
            for (std::size_t i = 0; i < line.size(); ++i) {
                if (line[i] != '=') {
                    decoded += line[i];
                } else if (i + 2 < line.size()) {
                    decoded += static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16));
                    i += 2;
                } else {
                    EXPECT_EQ(i + 1, line.size()) << "a cut escape";
                }
            }
        }
        EXPECT_EQ(decoded, text);
    }
}

TEST(Encode, DatesAreThoseOfRfc5322) {
    EXPECT_EQ(mailDate(0), "Thu, 01 Jan 1970 00:00:00 +0000");
    EXPECT_EQ(mailDate(1'709'210'096'999), "Thu, 29 Feb 2024 12:34:56 +0000");
}

}  // namespace
}  // namespace persona::mail
