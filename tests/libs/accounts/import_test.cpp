// An original Persona database comes over, and everybody signs in with the password they had.

#include "libs/accounts/import.h"

#include "libs/passwords/passwords.h"
#include "tests/libs/accounts/mariadb_server.h"
#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

// wsapi.md 5.1, as the original creates it.
constexpr const char* kOriginal = R"(
DROP DATABASE IF EXISTS browserid; CREATE DATABASE browserid; USE browserid;
CREATE TABLE user (id BIGINT AUTO_INCREMENT PRIMARY KEY, passwd CHAR(64),
  lastPasswordReset TIMESTAMP DEFAULT 0 NOT NULL, failedAuthTries INT DEFAULT 0 NOT NULL) ENGINE=InnoDB;
CREATE TABLE email (id BIGINT AUTO_INCREMENT PRIMARY KEY, user BIGINT NOT NULL,
  address VARCHAR(255) UNIQUE NOT NULL, type ENUM('secondary', 'primary') DEFAULT 'secondary' NOT NULL,
  verified BOOLEAN DEFAULT TRUE NOT NULL, FOREIGN KEY user_fkey (user) REFERENCES user(id)) ENGINE=InnoDB;
CREATE TABLE staged (id BIGINT AUTO_INCREMENT PRIMARY KEY, secret CHAR(48) UNIQUE NOT NULL,
  new_acct BOOL NOT NULL, existing_user BIGINT, email VARCHAR(255) UNIQUE NOT NULL, passwd CHAR(64),
  ts TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
  FOREIGN KEY existing_user_fkey (existing_user) REFERENCES user(id)) ENGINE=InnoDB;
CREATE TABLE idp (id BIGINT AUTO_INCREMENT PRIMARY KEY, domain VARCHAR(255) UNIQUE NOT NULL,
  lastSeen TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL) ENGINE=InnoDB;
SET time_zone = '+00:00';
INSERT INTO user (id, passwd, failedAuthTries) VALUES
  (1, '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui', 9),
  (2, NULL, 0), (3, '$2a$05$CCCCCCCCCCCCCCCCCCCCC.ebmmSqlfcFhKGN/743nH7i03zpqftle', 0),
  (4, 'not a hash', 0), (9, NULL, 0);
INSERT INTO email (user, address, type, verified) VALUES
  (1, 'Alice@X.example', 'secondary', 1), (3, 'carol@x.example', 'secondary', 1),
  (1, 'alice@idp.example', 'primary', 1), (2, 'bob@idp.example', 'primary', 1),
  (3, 'carol2@x.example', 'secondary', 0), (4, 'dave@x.example', 'secondary', 1),
  (4, 'dave@[127.0.0.1]', 'secondary', 1);
INSERT INTO staged (secret, new_acct, email, passwd) VALUES
  ('tokentokentokentokentokentokentokentokentokentok', 1, 'evil@x.example', 'stale');
INSERT INTO idp (domain, lastSeen) VALUES ('IDP.example', '2016-03-05 12:00:00');
)";

class Import : public StoreTest {
  protected:
    Outcome<ImportReport> import() {
        OriginalDatabase source;
        source.port = MariaDbServer::shared().port();
        source.user = "root";
        return importOriginal(writer(), source, kNow);
    }
};

TEST_P(Import, EveryAccountSignsInWithItsOldPassword) {
    MariaDbServer::shared().sql(kOriginal);
    const auto report = import();
    ASSERT_TRUE(report) << report.error();
    EXPECT_EQ(report->accounts, 4);
    EXPECT_EQ(report->addresses, 6);
    EXPECT_EQ(report->present, 0);
    EXPECT_EQ(report->idps, 1);
    EXPECT_EQ(report->left_out,
              (std::map<std::string, int>{{"a password hash that cannot be read", 1},
                                          {"an account without addresses", 1},
                                          {"an address that is not valid any more", 1}}));
    passwords::Options options;
    options.bcrypt_cost = 4;
    options.secret = std::string(32, 's');
    const auto hasher = passwords::Hasher::create(options);
    ASSERT_TRUE(hasher) << hasher.error();
    const auto signsIn = [&](std::string_view address, std::string_view password) {
        const auto attempt =
            writer().reserveLoginAttempt(info(address).user, {}, LoginLimits{}, kNow);
        if (!attempt || !attempt->user.password_hash) return false;
        if (!hasher->verify(password, *attempt->user.password_hash)) return false;
        // And gets today's hash by the way.
        const auto rehash = hasher->hash(password);
        return writer().loginSucceeded(*attempt, {*rehash}, kNow).ok() &&
               hasher->verify(password, *user(attempt->user.id).password_hash);
    };
    EXPECT_TRUE(
        signsIn("alice@x.example",
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
    EXPECT_TRUE(signsIn("CAROL@x.example", "U*U*U*U*"));
    EXPECT_FALSE(signsIn("carol@x.example", "U*U*U*U!"));
    EXPECT_FALSE(signsIn("bob@idp.example", "whatever"));

    const auto alice = info("alice@x.example");
    EXPECT_EQ(*reader().listEmails(alice.user),
              (std::vector<std::string>{"Alice@X.example", "alice@idp.example"}));
    EXPECT_EQ(info("alice@idp.example").type, AddressType::Primary);
    EXPECT_EQ(info("carol2@x.example").user, info("carol@x.example").user);
    EXPECT_FALSE(info("carol2@x.example").verified);
    EXPECT_FALSE(info("dave@x.example").has_password);
    EXPECT_EQ(**reader().idpLastSeen("idp.example"), 1'457'179'200'000);
    EXPECT_EQ(count("staged"), 0);
    EXPECT_FALSE(known("evil@x.example"));
}

TEST_P(Import, ASecondRunChangesNothing) {
    MariaDbServer::shared().sql(kOriginal);
    ASSERT_TRUE(import());
    const auto id = info("alice@x.example").user;
    const auto again = import();
    ASSERT_TRUE(again) << again.error();
    EXPECT_EQ(again->accounts, 0);
    EXPECT_EQ(again->present, 4);
    EXPECT_EQ(info("alice@x.example").user, id);
    EXPECT_EQ(count("account"), 4);
}

TEST_P(Import, ADatabaseThatIsNotThereIsAnError) {
    MariaDbServer::shared().sql("DROP DATABASE IF EXISTS browserid");
    const auto report = import();
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().find("browserid"), std::string::npos) << report.error();
}

PERSONA_ON_BOTH_ENGINES(Import);

}  // namespace
}  // namespace persona::accounts
