#include "libs/wsapi/endpoints.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace persona::wsapi {
namespace {

/// wsapi.md section 4 with its amendments, written out a second time: name, method, role, what it
/// needs, arguments in their order ("?": optional; "*": others are ignored), "L": the language
/// counts.
constexpr const char* kSpecification = R"(
session_context GET R - origin? *
ping GET RW - *
have_email GET R - email
address_info GET R - email issuer?
discovery GET R - domain
list_emails GET R A *
logout POST R A *
prolong_session POST R A pass? *
interaction_data POST R - data? *
authenticate_user POST R - email pass ephemeral allowUnverified?
auth_with_assertion POST R - assertion ephemeral
cert_key POST R P email pubkey ephemeral forceIssuer? allowUnverified?
email_for_token GET R - token
user_creation_status GET R - email
email_addition_status GET R A email
email_reverify_status GET R A email
password_reset_status GET R - email
transition_status GET R - email
used_address_as_primary POST W A email
add_email_with_assertion POST W A assertion
stage_user POST W - email pass allowUnverified? site backgroundColor? siteLogo? L
complete_user_creation POST W - token pass?
stage_email POST W A email site pass? backgroundColor? siteLogo? L
stage_reverify POST W A email site backgroundColor? siteLogo? L
complete_email_confirmation POST W - token pass?
stage_reset POST W - email site backgroundColor? siteLogo? L
complete_reset POST W - token pass? L
stage_transition POST W - email site pass backgroundColor? siteLogo? L
complete_transition POST W - token pass? L
update_password POST W A oldpass newpass
remove_email POST W A email
account_cancel POST W A *
stage_unblock POST W - email L
complete_unblock POST W - token
report_not_me POST W - token
create_account_with_assertion POST W I assertion
user_used_email_as POST W I userid email used_as
increment_failed_auth_tries POST W I userid device?
reset_failed_auth_tries POST W I userid hash device? rehash?
saw_idp POST W I domain
forget_idp POST W I domain
)";

std::string rowOf(const Endpoint& e) {
    std::string out(e.name);
    out.append(" ").append(e.method);
    out += e.server == Server::Both ? " RW" : e.server == Server::Reads ? " R" : " W";
    out += e.auth == Auth::None        ? " -"
           : e.auth == Auth::Assertion ? " A"
           : e.auth == Auth::Password  ? " P"
                                       : " I";
    for (const auto& a : e.arguments) out.append(" ").append(a.name).append(a.optional ? "?" : "");
    return out + (e.strict ? "" : " *") + (e.locale ? " L" : "");
}

TEST(Endpoints, AreThoseOfTheSpecification) {
    std::set<std::string> wanted, got;
    std::istringstream in(kSpecification);
    for (std::string line; std::getline(in, line);)
        if (!line.empty()) wanted.insert(line);
    for (const auto& e : endpoints()) {
        got.insert(rowOf(e));
        EXPECT_EQ(findEndpoint(e.name), &e) << "named twice: " << e.name;
    }
    EXPECT_EQ(got, wanted);
    EXPECT_EQ(findEndpoint("nope"), nullptr);
    EXPECT_EQ(findEndpoint(""), nullptr);
}

TEST(Endpoints, StateChangesArePosts) {
    for (const auto& e : endpoints())
        if (e.server == Server::Writes || e.internal()) {
            EXPECT_EQ(e.method, "POST") << e.name << " (W21, W28)";
        }
}

TEST(Endpoints, TheReferenceIsCurrent) {
    std::ifstream in("docs/api.md");
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_EQ(text.str(), endpointReference())
        << "write it anew: build/bin/persona-api-reference > docs/api.md";
}

}  // namespace
}  // namespace persona::wsapi
