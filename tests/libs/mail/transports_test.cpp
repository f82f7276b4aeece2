#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "libs/mail/sender.h"
#include "tests/support/temp_dir.h"

namespace persona::mail {
namespace {

using persona::testing::readText;
using persona::testing::TempDir;
using ::testing::HasSubstr;

const std::string kToken(48, 't');

Message message() {
    return {.kind = Kind::NewAccount,
            .to = "alice@mail.example",
            .site = "shop.example",
            .token = kToken,
            .not_me_token = "",
            .locale = "en",
            .background_color = "",
            .site_logo = ""};
}

TEST(ConsoleTransport, TheLinkIsAloneOnItsLine) {
    Options options;
    options.public_url = "http://127.0.0.1:10002";
    auto sender = makeSender(options, {});
    ASSERT_TRUE(sender) << sender.error();
    ::testing::internal::CaptureStdout();
    const auto id = (*sender)->send(message());
    const auto printed = ::testing::internal::GetCapturedStdout();
    ASSERT_TRUE(id) << id.error();
    EXPECT_THAT(printed, HasSubstr("\nTo: alice@mail.example\n"));
    EXPECT_THAT(printed, HasSubstr("\nSubject: shop.example: Complete sign-in\n"));
    EXPECT_THAT(printed, HasSubstr("\nMessage-ID: " + *id + "\n"));
    EXPECT_THAT(printed,
                HasSubstr("\nhttp://127.0.0.1:10002/verify_email_address?token=" + kToken + "\n"));
    EXPECT_EQ((*sender)->counts().delivered, 1U);
}

TEST(FileTransport, EachMessageIsOneWholePrivateFile) {
    const TempDir dir;
    Options options;
    options.transport = Transport::File;
    options.public_url = "http://127.0.0.1:10002";
    options.directory = dir / "a/mail";
    auto sender = makeSender(options, {});
    ASSERT_TRUE(sender) << sender.error();
    struct stat st {};
    ASSERT_EQ(::stat(options.directory.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0700U);
    std::set<std::string> ids;
    for (int i = 0; i < 10; ++i) {
        const auto id = (*sender)->send(message());
        ASSERT_TRUE(id) << id.error();
        ids.insert(*id);
    }
    EXPECT_EQ(ids.size(), 10U);
    std::size_t found = 0;
    for (const auto& item : std::filesystem::directory_iterator(options.directory)) {
        EXPECT_EQ(item.path().extension(), ".eml");
        ASSERT_EQ(::stat(item.path().c_str(), &st), 0);
        EXPECT_EQ(st.st_mode & 0777, 0600U);
        const auto text = readText(item.path());
        EXPECT_THAT(
            text,
            HasSubstr(
                "X-BrowserID-VerificationURL: http://127.0.0.1:10002/verify_email_address?token=" +
                kToken + "\r\n"));
        EXPECT_TRUE(text.ends_with("--\r\n"));
        ++found;
    }
    EXPECT_EQ(found, 10U);
    (*sender)->stop({});
    EXPECT_FALSE((*sender)->send(message()));
}

TEST(FileTransport, ADirectoryThatOthersMayReadIsRefused) {
    const TempDir dir;
    Options options;
    options.transport = Transport::File;
    options.public_url = "http://127.0.0.1:10002";
    options.directory = dir / "mail";
    ASSERT_EQ(::mkdir(options.directory.c_str(), 0700), 0);
    ASSERT_EQ(::chmod(options.directory.c_str(), 0755), 0);
    const auto sender = makeSender(options, {});
    ASSERT_FALSE(sender);
    EXPECT_THAT(sender.error(), HasSubstr("chmod go= " + options.directory));
}

TEST(FileTransport, AnErrorOfTheDiskIsAnErrorOfSend) {
    const TempDir dir;
    Options options;
    options.transport = Transport::File;
    options.public_url = "http://127.0.0.1:10002";
    options.directory = dir / "mail";
    auto sender = makeSender(options, {});
    ASSERT_TRUE(sender);
    std::filesystem::remove_all(options.directory);
    const auto id = (*sender)->send(message());
    ASSERT_FALSE(id);
    EXPECT_THAT(id.error(), HasSubstr("cannot create"));
    EXPECT_EQ((*sender)->counts().accepted, 0U);
}

TEST(MakeSender, WrongOptionsAreNamed) {
    const TempDir dir;
    const auto error = [&](auto change) {
        Options options;
        options.transport = Transport::Smtp;
        options.public_url = "https://login.example";
        options.directory = dir / "queue";
        change(options);
        const auto sender = makeSender(options, {});
        return sender ? std::string("none") : sender.error();
    };
    EXPECT_EQ(error([](Options&) {}), "none");
    EXPECT_THAT(error([](Options& o) { o.public_url = "login.example"; }), HasSubstr("public_url"));
    EXPECT_THAT(error([](Options& o) { o.public_url = "https://login.example/"; }),
                HasSubstr("public_url"));
    EXPECT_THAT(error([](Options& o) { o.public_url = "https://login.example\r\nX: y"; }),
                HasSubstr("public_url"));
    EXPECT_THAT(error([](Options& o) { o.from = "Persona"; }), HasSubstr("send_from_address"));
    EXPECT_THAT(error([](Options& o) { o.directory = ""; }), HasSubstr("directory"));
    EXPECT_THAT(error([](Options& o) { o.wordmark_url = "javascript:1"; }),
                HasSubstr("wordmark_url"));
    EXPECT_THAT(error([](Options& o) { o.smtp.host = ""; }), HasSubstr("smtp.host"));
    EXPECT_THAT(error([](Options& o) { o.smtp.user = "u"; }), HasSubstr("smtp.password"));
    EXPECT_THAT(error([](Options& o) { o.smtp.connections = 0; }), HasSubstr("smtp.connections"));
    EXPECT_THAT(error([](Options& o) { o.smtp.helo = "a b"; }), HasSubstr("smtp.helo"));
    EXPECT_THAT(error([](Options& o) {
                    o.smtp.tls = SmtpOptions::Tls::StartTls;
                    o.smtp.ca_file = "/nonexistent.pem";
                }),
                HasSubstr("TLS"));
}

}  // namespace
}  // namespace persona::mail
