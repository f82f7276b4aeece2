#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/verifier/judge.h"

namespace persona::fuzz {

/// A request from the input: content type, query and body, separated by newlines. Whatever it is,
/// there is exactly one answer, with a status of protocol.md 3.1, and JSON where JSON is announced.
inline void askVerifier(const std::uint8_t* data, std::size_t size, const char* path) {
    static const auto judge = [] {
        auto options = std::make_shared<protocol::VerifyOptions>();
        options->hostname = "login.example.org";
        options->keys.allow_es256 = options->keys.allow_ed25519 = true;
        options->forcible_issuers = {"fxos.login.example.org"};
        options->certificates = std::make_shared<protocol::CertificateCache>(64);
        options->seen_keys = std::make_shared<protocol::KeyCache>(64);
        discovery::Ports ports;
        ports.now_ms = [] { return std::int64_t{0}; };
        ports.fetch = [](const discovery::FetchRequest&,
                         const std::function<void(discovery::FetchResponse)>& done) {
            discovery::FetchResponse r;
            r.fetched = {true, false, 200, "application/json",
                         R"({"authority":"idp.example","disabled":false})"};
            done(r);
        };
        return std::make_unique<verifier::Judge>(
            std::move(options),
            verifier::Judge::Ports{
                std::make_shared<discovery::Discovery>(discovery::Options{}, std::move(ports)),
                [] { return std::int64_t{1'400'000'000'000}; }},
            8);
    }();
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto first = text.find('\n');
    const auto second = first == std::string_view::npos ? first : text.find('\n', first + 1);
    if (second == std::string_view::npos) return;
    int answers = 0;
    judge->handle({"POST", path, text.substr(first + 1, second - first - 1), text.substr(0, first),
                   text.substr(second + 1)},
                  [&](const verifier::ApiAnswer& a) {
                      ++answers;
                      const bool known =
                          a.status == 200 || a.status == 400 || a.status == 413 || a.status == 415;
                      const auto json = protocol::Json::parse(a.body);
                      const auto* status = json ? json->findText("status") : nullptr;
                      if (!known || status == nullptr || (*status == "okay") != a.verified ||
                          a.verified)  // nobody here has a key: nothing can be good
                          std::abort();
                  });
    if (answers != 1 || judge->waiting() != 0) std::abort();
}

}  // namespace persona::fuzz
