#include "plugins/antiabuse/routes.h"

#include <gtest/gtest.h>
#include <persona/abi/ext/draft/facts.h>

#include "libs/wsapi/endpoints.h"
#include "plugins/antiabuse/keys.h"

namespace persona::antiabuse {
namespace {

TEST(Routes, HaveTheClassOfWhatTheyDo) {
    const Routes r("verifier.example");
    const auto of = [&](std::string_view method, std::string_view path) {
        return r.find(method, path, "login.example", "https").route_class;
    };
    EXPECT_EQ(of("POST", "/wsapi/authenticate_user"), PSN_ROUTE_LOGIN);
    EXPECT_EQ(of("POST", "/wsapi/stage_user"), PSN_ROUTE_STAGE);
    EXPECT_EQ(of("POST", "/wsapi/stage_reverify"), PSN_ROUTE_STAGE);
    EXPECT_EQ(of("POST", "/wsapi/stage_unblock"), PSN_ROUTE_STAGE);
    EXPECT_EQ(of("POST", "/wsapi/complete_reset"), PSN_ROUTE_TOKEN);
    EXPECT_EQ(of("GET", "/wsapi/email_for_token"), PSN_ROUTE_TOKEN);
    EXPECT_EQ(of("GET", "/wsapi/user_creation_status"), PSN_ROUTE_STATUS);
    EXPECT_EQ(of("GET", "/wsapi/session_context"), PSN_ROUTE_CONTEXT);
    EXPECT_EQ(of("GET", "/wsapi/address_info"), PSN_ROUTE_LOOKUP);
    EXPECT_EQ(of("GET", "/wsapi/have_email"), PSN_ROUTE_LOOKUP);
    EXPECT_EQ(of("GET", "/wsapi/discovery"), PSN_ROUTE_LOOKUP);
    EXPECT_EQ(of("POST", "/wsapi/auth_with_assertion"), PSN_ROUTE_ASSERTION);
    EXPECT_EQ(of("POST", "/wsapi/add_email_with_assertion"), PSN_ROUTE_ASSERTION);
    EXPECT_EQ(of("POST", "/wsapi/cert_key"), PSN_ROUTE_CERTIFY);
    EXPECT_EQ(of("POST", "/wsapi/update_password"), PSN_ROUTE_ACCOUNT);
    EXPECT_EQ(of("POST", "/wsapi/interaction_data"), PSN_ROUTE_MEASURE);
    EXPECT_EQ(of("GET", "/wsapi/authenticate_user"), PSN_ROUTE_UNKNOWN) << "by its method too";
    EXPECT_EQ(of("POST", "/wsapi/reset_failed_auth_tries"), PSN_ROUTE_UNKNOWN) << "internal";
    EXPECT_EQ(of("POST", "/wsapi/" + std::string(500, 'a')), PSN_ROUTE_UNKNOWN);
    EXPECT_EQ(of("POST", "/verify"), PSN_ROUTE_VERIFY);
    EXPECT_EQ(of("GET", "/include.js"), PSN_ROUTE_STATIC);
    EXPECT_EQ(of("GET", "/sign_in"), PSN_ROUTE_VIEW);
    EXPECT_EQ(of("PUT", "/sign_in"), PSN_ROUTE_UNKNOWN);
    EXPECT_EQ(of("GET", "/__heartbeat__"), PSN_ROUTE_HEARTBEAT);
}

/// As the router reads it: else whoever names a port is a verifier to us and signs in at a role.
TEST(Routes, TheVerifiersAuthorityIsAHostAndAPort) {
    const Routes r("verifier.example"), with_port("127.0.0.1:10000");
    const auto of = [](const Routes& r, std::string_view authority, std::string_view scheme) {
        return r.find("POST", "/wsapi/authenticate_user", authority, scheme).route_class;
    };
    EXPECT_EQ(of(r, "verifier.example", "https"), PSN_ROUTE_VERIFY);
    EXPECT_EQ(of(r, "Verifier.Example:443", "https"), PSN_ROUTE_VERIFY);
    EXPECT_EQ(of(r, "verifier.example:80", "http"), PSN_ROUTE_VERIFY);
    EXPECT_EQ(of(with_port, "127.0.0.1:10000", "http"), PSN_ROUTE_VERIFY);
    for (const auto* other : {"verifier.example:1", "verifier.example:80",
                              "verifier.example:", "verifier.example.evil", "login.example", ""})
        EXPECT_EQ(of(r, other, "https"), PSN_ROUTE_LOGIN) << other;
    for (const auto* other : {"127.0.0.1", "127.0.0.1:80", "127.0.0.1:1000"})
        EXPECT_EQ(of(with_port, other, "http"), PSN_ROUTE_LOGIN) << other;
}

TEST(Routes, EveryCallThatMailsOrHashesIsKnownToDoSo) {
    const Routes r("");
    for (const auto& e : wsapi::endpoints()) {
        if (e.internal()) continue;
        const auto& route = r.find(e.method, "/wsapi/" + std::string(e.name), "", "https");
        EXPECT_EQ(route.label, "wsapi." + std::string(e.name));
        EXPECT_NE(route.route_class, PSN_ROUTE_UNKNOWN) << e.name;
        for (const auto& a : e.arguments) {
            EXPECT_TRUE(a.type != wsapi::Type::Password || (route.traits & PSN_TRAIT_HASHES) != 0)
                << e.name;
        }
        EXPECT_TRUE(!e.name.starts_with("stage_") || (route.traits & PSN_TRAIT_MAILS) != 0)
            << e.name;
    }
}

TEST(Keys, StandForTheSameThingInOneRoleOfOneDeployment) {
    const Keys a(std::string(32, 'a')), b(std::string(32, 'b'));
    EXPECT_EQ(a.of(Keys::Kind::Path, "/x"), a.of(Keys::Kind::Path, "/x"));
    EXPECT_NE(a.of(Keys::Kind::Path, "/x"), a.of(Keys::Kind::Query, "/x"));
    EXPECT_NE(a.of(Keys::Kind::Path, "/x"), b.of(Keys::Kind::Path, "/x"));
    EXPECT_THROW(Keys("short"), std::invalid_argument);
}

TEST(Keys, PrefixesAreAsWideAsTheySay) {
    const Keys k(std::string(32, 'a'));
    const auto of = [&](std::string_view text) {
        std::array<std::uint64_t, 3> out{};
        std::uint64_t keys[3];
        k.ofPrefixes(*addresses::parseAddress(text), keys);
        std::copy(keys, keys + 3, out.begin());
        return out;
    };
    EXPECT_NE(of("192.0.2.1")[0], of("192.0.2.2")[0]);
    EXPECT_EQ(of("192.0.2.1")[1], of("192.0.2.2")[1]);
    EXPECT_NE(of("192.0.2.1")[1], of("192.0.3.1")[1]);
    EXPECT_EQ(of("192.0.2.1")[2], 0U);
    EXPECT_EQ(of("2001:db8:1:2::1")[0], of("2001:db8:1:2:ffff::9")[0]) << "never a whole /128";
    EXPECT_NE(of("2001:db8:1:2::1")[0], of("2001:db8:1:3::1")[0]);
    EXPECT_EQ(of("2001:db8:1:2::1")[1], of("2001:db8:1:ff::1")[1]);
    EXPECT_EQ(of("2001:db8:1:2::1")[2], of("2001:db8:1:ff00::1")[2]);
    EXPECT_EQ(of("::ffff:192.0.2.1"), of("192.0.2.1"));
}

TEST(Keys, MailboxesAreWithoutTheirTag) {
    const Keys k(std::string(32, 'a'));
    const auto of = [&](std::string_view address) {
        psn_facts f{};
        k.ofAddress(address, f);
        return f;
    };
    const auto plain = of("alice@example.org"), tagged = of("Alice+shop@Example.ORG");
    EXPECT_NE(plain.account_key, tagged.account_key);
    EXPECT_EQ(plain.mailbox_key, tagged.mailbox_key);
    EXPECT_EQ(plain.domain_key, tagged.domain_key);
    EXPECT_EQ(plain.domain_key, k.ofName(Keys::Kind::Domain, "EXAMPLE.org"));
    EXPECT_EQ(of("+a@b").mailbox_key, of("+a@b").mailbox_key);
    EXPECT_NE(of("+a@b").mailbox_key, of("+b@b").mailbox_key);
    for (const auto* none : {"", "alice", "@example.org"}) EXPECT_EQ(of(none).account_key, 0U);
    EXPECT_EQ(of(std::string(400, 'a') + "@b.org").account_key, 0U);
}

}  // namespace
}  // namespace persona::antiabuse
