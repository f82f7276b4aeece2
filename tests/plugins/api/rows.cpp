#include "libs/wsapi/endpoints.h"
#include "tests/plugins/api/ledger.h"

/// wsapi.md section 4 as a table. What is not here can be brought about neither by a client nor by
/// a fault that a test can make: a failing generator of random numbers ("{"success":false}" of a
/// hash that could not be made), and "internal error" of auth_with_assertion, for which an account
/// has to go away between two reads that follow each other on one thread.
namespace persona::api {

namespace {

const std::string kOkay = R"(200 {"success":true)", kNotOkay = R"(200 {"success":false)";

std::string because(const std::string& reason) {
    return kNotOkay + R"(,"reason":")" + reason;
}
std::string status(const std::string& text) {
    return R"(200 {"status":")" + text + "\"";
}

const std::string kTooMany = "429 Too Many Requests: Too many emails sent to that address",
                  kBusyText = "503 Service Unavailable: server is too busy",
                  kBusyJson = R"(503 {"success":false,"reason":"server is too busy"})",
                  kUnknownToken = because("no such secret"),
                  kProvide = "401 Authentication Required: Provide your password",
                  kRequired = "401 Authentication Required: password required",
                  kMismatch = "401 Authentication Required: password mismatch",
                  kNobody = R"(200 {"reason":"No such email address.","success":false})",
                  kBacked = "400 Bad Request: that email is backed by a primary",
                  kNotYours = "400 Bad Request: that email does not belong to you",
                  kOtherSite = R"(400 {"success":false,"reason":"site: not the one)";

/// Of the calls that browsers make.
const std::vector<std::pair<std::string, std::vector<std::string>>>& byCall() {
    static const std::vector<std::pair<std::string, std::vector<std::string>>> kRows{
        // 4.1
        {"session_context", {R"(200 {"csrf_token":)"}},
        {"ping", {"200 ok", "500 fail"}},
        {"have_email", {R"(200 {"email_known":true})", R"(200 {"email_known":false})"}},
        {"address_info",
         {R"(200 {"type":"secondary")", R"(200 {"auth":)",
          R"(400 {"success":false,"reason":"issuer: not one that may be forced"})"}},
        {"discovery", {R"(200 {"public-key":)"}},
        {"list_emails", {kOkay + R"(,"emails":[)"}},
        {"logout", {kOkay}},
        {"prolong_session", {"200 OK", kRequired, kMismatch, kBusyText}},
        {"interaction_data", {kOkay}},
        // 4.2
        {"authenticate_user",
         {kOkay + R"(,"userid":)", because("email or password is wrong"), because("no such user"),
          kNotOkay + R"(,"code":"account locked")", because("no password set for user"),
          because("password mismatch for user: "), kBusyJson}},
        {"auth_with_assertion",
         {kOkay + R"(,"userid":)", because("internal error creating account")}},
        {"cert_key",
         {"200 ey", kNotYours, kBacked, "403 Forbidden: that email requires (re)verification",
          "400 Bad Request: Invalid issuer, unable to issue certificate",
          "500 Server Error: certification generation error",
          "500 Server Error: can't contact keysigner"}},
        {"used_address_as_primary",
         {kOkay, kNotYours, "400 Bad Request: email is not a primary",
          "500 Server Error: Unable to update database"}},
        {"add_email_with_assertion", {kOkay + "}"}},
        // 4.3
        {"stage_user",
         {kOkay + "}", kOkay + R"(,"unverified":true})", kTooMany, kBusyText, kBacked, kOtherSite}},
        {"complete_user_creation", {kOkay, kProvide, kMismatch, kUnknownToken, kBusyText}},
        {"stage_email",
         {kOkay, kTooMany, kBusyText, because("user must choose a password"),
          because("a password may not be set at this time"), kBacked}},
        {"stage_reverify",
         {kOkay, kTooMany, because("you don't control that email address"),
          because("email is already verified")}},
        {"complete_email_confirmation", {kOkay, kRequired, kMismatch, kUnknownToken, kBusyText}},
        {"stage_reset", {kOkay, kTooMany, kNobody}},
        {"complete_reset", {kOkay, kProvide, kMismatch, kUnknownToken, kBusyText}},
        {"stage_transition", {kOkay, kTooMany, kNobody, kBusyText}},
        {"complete_transition", {kOkay, kProvide, kMismatch, kUnknownToken, kBusyText}},
        {"email_for_token", {kOkay + R"(,"email":)", kUnknownToken}},
        {"update_password", {kOkay, kNotOkay + "}", kBusyJson}},
        // 4.4
        {"user_creation_status", {status("complete"), status("pending"), status("mustAuth")}},
        {"email_addition_status", {status("complete"), status("pending"), status("failed")}},
        {"email_reverify_status", {status("complete"), status("pending"), status("failed")}},
        {"password_reset_status", {status("complete"), status("pending"), status("mustAuth")}},
        {"transition_status", {status("complete"), status("pending"), status("mustAuth")}},
        {"remove_email",
         {kOkay, "400 Bad Request: authenticated user doesn't have permission to remove"}},
        {"account_cancel", {kOkay}},
        // Decisions, "Mail step-up".
        {"stage_unblock", {kOkay}},
        {"complete_unblock", {kOkay, kUnknownToken}},
        {"report_not_me", {kOkay, kUnknownToken}},
    };
    return kRows;
}

/// Why an assertion proves nothing, to the two calls that browsers bring one to.
const std::vector<std::string> kNoProof{"no certificates provided",
                                        "bad signature in chain",
                                        "certificate chaining is not yet allowed",
                                        "malformed signature",
                                        "can't log in with an assertion for '",
                                        "issuer '",
                                        "invalid email",
                                        "can't get public key for ",
                                        "primary support disabled"};

/// Of those that roles make.
const std::vector<std::pair<std::string, std::vector<std::string>>>& byRoleCall() {
    static const std::vector<std::pair<std::string, std::vector<std::string>>> kRows{
        {"cert_key", {R"(400 {"success":false,"reason":"missing required parameter)"}},
        {"create_account_with_assertion", {kOkay + R"(,"userid":)", "500 Server Error"}},
        {"user_used_email_as",
         {kOkay, "400 Bad Request: email does not belong to authenticated user"}},
        {"increment_failed_auth_tries", {kOkay, because("no such user"), because("locked")}},
        {"reset_failed_auth_tries", {kOkay + R"(,"epoch":)", kNotOkay}},
        {"saw_idp", {kOkay}},
        {"forget_idp", {kOkay}},
    };
    return kRows;
}

}  // namespace

std::vector<Row> rows() {
    std::vector<Row> out;
    for (const auto& [call, answers] : byCall())
        for (const auto& answer : answers) out.push_back({call, answer, Row::Seen::Router});
    for (const auto* call : {"auth_with_assertion", "add_email_with_assertion"})
        for (const auto& reason : kNoProof)
            out.push_back({call, because(reason), Row::Seen::Router});
    for (const auto& [call, answers] : byRoleCall())
        for (const auto& answer : answers) out.push_back({call, answer, Row::Seen::Role});
    // What every call has (3.1), and DB-503.
    const std::string down = "503 Service Unavailable: database unavailable";
    for (const auto& e : wsapi::endpoints()) {
        const std::string call(e.name);
        const auto router = [&](const std::string& answer) {
            out.push_back({call, answer, Row::Seen::Router});
        };
        router("400 Bad Request: no such api");
        if (e.internal()) {
            router("404 Not Found");
            out.push_back({call, "403 Forbidden: only roles of this service", Row::Seen::Role});
            out.push_back({call, down, Row::Seen::Role});
            continue;
        }
        if (e.method == "POST") {
            router("403 Forbidden: no cookie");
            router("400 Bad Request: CSRF violation");
        }
        if (e.auth != wsapi::Auth::None) router("400 Bad Request: requires authentication");
        for (const auto& a : e.arguments)
            if (!a.optional)
                router(R"(400 {"success":false,"reason":"missing required parameter: ')" +
                       std::string(a.name) + "'");
        router(down);
    }
    return out;
}

const std::map<int, std::vector<std::string>>& weaknesses() {
    static const std::map<int, std::vector<std::string>> kTests{
        {1, {"AStagedPasswordIsNotAStrangersWayIn"}},
        {2, {"ArgumentsAreCheckedInTheirOrder"}},
        {3, {"ParallelGuessesAreAllCounted", "EveryWayToTryAPasswordIsCounted"}},
        {4, {"AGoodSignInLeavesTheCountsAlone"}},
        {5, {"MailsHaveADailyCap", "VerifyingAgainIsThrottledToo"}},
        {6,
         {"OneReasonForAll", "KnownUnknownLockedAndPasswordlessLookTheSame",
          "KnownAndUnknownAddressesCostTheSame", "StatusesOfOthersLookTheSame"}},
        {7, {"KilledWhilePeopleWriteNothingIsHalfDone"}},
        {8, {"ATokenAtTheWrongCallStaysUsable"}},
        {9, {"SignUpInAnotherBrowserAsksForThePassword", "TokensThatAreNoneLookTheSame"}},
        {10, {"PostsWantTheCookieAndItsToken", "EveryFramingIsAnsweredOnce"}},
        {11, {"GarbageCookiesAreNoSession"}},
        {12, {"UnverifiedSignUps"}},
        {13, {"AnotherAddressIsAddedAndRemoved", "AMovedAddressLeavesNoEmptyAccount"}},
        {14,
         {"AChangeOfPasswordEndsTheOtherSessionsAtOnce",
          "CancelledAccountsTakeTheirSessionsWithThem"}},
        {15, {"ExpiryInTheBrowserIsThatOfTheSession"}},
        {16, {"AShortSessionDoesNotSlide"}},
        {17, {"WhatWasStagedExpiresAndIsDeleted"}},
        {18, {"AddressesOfProvidersAreAddedAndTakeAPassword"}},
        {19, {"AProviderThatWentSilentKeepsItsAddresses"}},
        {20, {"SupportDocumentsAreBounded", "ProvidersShowACertificate"}},
        {21, {"AddressesOfProvidersAreAddedAndTakeAPassword"}},
        {22, {"StatsdHasNumbersAndNoAddresses"}},
        {23, {"OneReasonForAll", "SpellingIsKeptAndCaseIsNot"}},
        {24, {"ADisabledProviderIsForgotten"}},
        {25, {"NoLogHoldsASecretOrAnAddress"}},
        {26, {"AllOfALongPasswordCounts"}},
        {27, {"LongAddressesAreRefusedNotLost"}},
        {28, {"RolesTakeCallsOfRolesAlone", "WhoAsksIsWhatTheRouterFound"}},
        {29, {"WithoutItsDatabaseEveryCallAnswersOnce"}},
        {30, {"VerifyIsRoutedByItsPathWithTheQuery"}},
        {31, {"InteractionDataIsTakenWhateverItIs", "MeasurementsGoWhereTheSwitchSays"}},
        {32, {"MailsNameNoOtherSiteThanTheDialogs"}},
        {33, {"DurationsFollowWhatWasAskedFor", "SessionContextHasItsMembersInOrder"}},
        {34, {"ProvidersAreNotedOnceAnHour"}},
        {35, {"SecurityEventsGoToSyslog", "StatsdHasNumbersAndNoAddresses"}},
    };
    return kTests;
}

}  // namespace persona::api
