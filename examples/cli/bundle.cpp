#include "examples/cli/bundle.h"

#include <array>
#include <utility>

#include "examples/cli/failure.h"
#include "libs/protocol/base64url.h"
#include "libs/protocol/json.h"
#include "libs/protocol/token.h"

namespace persona::cli {

namespace {

using protocol::Algorithm;
using protocol::Json;

constexpr std::array<std::pair<const char*, Algorithm>, 5> kAlgorithms = {{
    {"rs256", Algorithm::RS256},
    {"rs128", Algorithm::RS128},
    {"ds128", Algorithm::DS128},
    {"ds256", Algorithm::DS256},
    {"es256", Algorithm::ES256},
}};

/// The payload with the text of one member replaced; members inside `principal` count too.
Json replaced(const Json& object, const std::string& name, const std::string& text) {
    auto out = Json::object();
    for (const auto& [key, value] : object.members()) {
        if (key == name)
            out.add(key, text);
        else if (key == "principal")
            out.add(key, replaced(value, name, text));
        else
            out.add(key, value);
    }
    return out;
}

std::string spoilt(const std::string& token, const std::string& member, const std::string& text) {
    const auto parsed = protocol::Token::parse(token);
    if (!parsed) throw Failure(Exit::Protocol, "there is no token to tamper with");
    const auto first = token.find('.'), second = token.find('.', first + 1);
    return token.substr(0, first + 1) +
           protocol::encodeBase64Url(replaced(parsed->payload, member, text).dump()) +
           token.substr(second);
}

}  // namespace

Algorithm algorithmOf(const std::string& name) {
    std::string known;
    for (const auto& [text, algorithm] : kAlgorithms) {
        if (name == text) return algorithm;
        known += std::string(known.empty() ? "" : ", ") + text;
    }
    throw Failure(Exit::Usage, "--key: expected one of " + known + ", got " + name);
}

std::string makeBundle(const std::string& certificate, const protocol::Signer& key,
                       const std::string& audience, std::int64_t expires_ms) {
    auto payload = Json::object();
    payload.add("exp", expires_ms);
    payload.add("aud", audience);
    const auto assertion = protocol::signToken(key, payload.dump());
    if (!assertion) throw Failure(Exit::Io, "cannot sign: " + assertion.error());
    return certificate + "~" + *assertion;
}

std::string tamper(const std::string& bundle, Tamper what) {
    if (what == Tamper::Nothing) return bundle;
    const auto tilde = bundle.find('~');
    if (tilde == std::string::npos) throw Failure(Exit::Protocol, "there is no bundle");
    const auto certificate = bundle.substr(0, tilde), assertion = bundle.substr(tilde + 1);
    return what == Tamper::Certificate
               ? spoilt(certificate, "email", "somebody.else@example.org") + "~" + assertion
               : certificate + "~" + spoilt(assertion, "aud", "https://elsewhere.example");
}

}  // namespace persona::cli
