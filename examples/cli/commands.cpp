#include "examples/cli/commands.h"

#include <openssl/rand.h>

#include <ostream>
#include <utility>

#include "examples/cli/failure.h"
#include "examples/cli/mailbox.h"
#include "libs/protocol/base64url.h"

namespace persona::cli {

namespace {

using protocol::Json;

Json arguments(std::initializer_list<Json::Member> members) {
    auto out = Json::object();
    for (const auto& [name, value] : members) out.add(name, value);
    return out;
}

std::string randomPassword() {
    std::string octets(18, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(octets.data()),
                   static_cast<int>(octets.size())) != 1)
        throw Failure(Exit::Io, "no randomness");
    return protocol::encodeBase64Url(octets);
}

std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

bool lists(const Json& answer, const std::string& email) {
    const auto* emails = answer.find("emails");
    if (emails == nullptr) return false;
    for (const auto& item : emails->items())
        if (item.text() == email) return true;
    return false;
}

}  // namespace

Commands::Commands(Settings settings, State& state, std::ostream& out)
    : settings_(std::move(settings)),
      state_(state),
      out_(out),
      client_(settings_.url, state.cookies, settings_.timeout, settings_.ca_file) {
    // Cookies, keys and certificates of one service are nothing to another.
    if (!state_.url.empty() && state_.url != settings_.url)
        throw Failure(Exit::Usage, "the state is of " + state_.url + ", not of " + settings_.url +
                                       ": take another --state");
    state_.url = settings_.url;
}

void Commands::step(const std::string& text) {
    out_ << text << "\n" << std::flush;
}

void Commands::signUp(const std::string& email) {
    Mailbox mailbox(settings_.mail_directory);
    state_.email = email;
    if (state_.password.empty()) state_.password = randomPassword();
    (void)client_.send(
        "stage_user",
        arguments({{"email", email}, {"pass", state_.password}, {"site", settings_.site}}));
    state_.save();
    step("sign-up    asked for; a mail is on its way to " + email);
    const auto token = mailbox.awaitToken(email, settings_.timeout);
    step("mail       arrived, with its link");
    (void)client_.send("complete_user_creation", arguments({{"token", token}}));
    const auto emails = client_.call("list_emails");
    if (!lists(emails, email))
        throw Failure(Exit::Protocol, "the account was made, but does not list " + email);
    state_.save();
    step("account    made; it lists " + email);
}

void Commands::signIn() {
    if (state_.email.empty() || state_.password.empty())
        throw Failure(Exit::Usage, "there is no account in the state: sign-up comes first");
    (void)client_.send(
        "authenticate_user",
        arguments({{"email", state_.email}, {"pass", state_.password}, {"ephemeral", false}}));
    state_.save();
    step("session    of " + state_.email);
}

void Commands::certify() {
    if (state_.email.empty())
        throw Failure(Exit::Usage, "there is no account in the state: sign-up comes first");
    const auto key = protocol::SecretKey::generate(algorithmOf(settings_.key));
    if (!key) throw Failure(Exit::Io, "cannot make a key: " + key.error());
    const auto public_key = key->publicKey();
    if (!public_key) throw Failure(Exit::Io, "cannot make a key: " + public_key.error());
    auto certificate = client_.sendForText(
        "cert_key",
        arguments(
            {{"email", state_.email}, {"pubkey", public_key->canonical()}, {"ephemeral", false}}));
    state_.key_pem = key->toPem();
    state_.certificate = std::move(certificate);
    state_.save();
    step("certify    " + std::string(nameOf(key->algorithm())) + " key certified for " +
         state_.email);
}

void Commands::assertTo(const std::string& audience) {
    if (state_.certificate.empty())
        throw Failure(Exit::Usage, "there is no certificate in the state: certify comes first");
    const auto key = protocol::SecretKey::fromPem(state_.key_pem);
    if (!key) throw Failure(Exit::Io, "the key in the state: " + key.error());
    const auto expires =
        nowMs() + std::chrono::duration_cast<std::chrono::milliseconds>(settings_.lifetime).count();
    state_.bundle =
        tamper(makeBundle(state_.certificate, *key, audience, expires), settings_.tamper);
    state_.audience = audience;
    state_.save();
    step("assert     signed for " + audience);
    out_ << state_.bundle << "\n";
}

void Commands::verify() {
    if (state_.bundle.empty())
        throw Failure(Exit::Usage, "there is no assertion in the state: assert comes first");
    const auto& audience =
        settings_.verify_audience.empty() ? state_.audience : settings_.verify_audience;
    const auto answer =
        client_.post("/verify", arguments({{"assertion", state_.bundle}, {"audience", audience}}));
    if (answer.status != 200)
        throw Failure(
            answer.status > 500 ? Exit::Unavailable : Exit::Protocol,
            "verify: status " + std::to_string(answer.status) + " " + answer.body.substr(0, 300));
    const auto json = answer.json();
    const auto* status = json.findText("status");
    if (status == nullptr || *status != "okay") {
        const auto* reason = json.findText("reason");
        throw Failure(Exit::Refused, "verify: " + (reason ? *reason : answer.body));
    }
    const auto* email = json.findText("email");
    const auto* issuer = json.findText("issuer");
    if (email == nullptr || issuer == nullptr)
        throw Failure(Exit::Protocol, "verify: okay without an address: " + answer.body);
    step("verified   " + *email + " for " + audience + ", certified by " + *issuer);
}

void Commands::demo(const std::string& email) {
    step("service    " + settings_.url);
    signUp(email);
    certify();
    assertTo(settings_.site);
    verify();
}

}  // namespace persona::cli
