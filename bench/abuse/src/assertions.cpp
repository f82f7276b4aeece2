#include "bench/abuse/src/assertions.h"

#include <algorithm>
#include <array>

#include "bench/abuse/src/world.h"
#include "libs/protocol/base64url.h"

namespace persona::abuse {

namespace {

constexpr std::size_t kMaxParts = 64;
// anti-abuse.md, cost table of section 1.
constexpr std::int64_t kRsaUs = 15, kLargeRsaUs = 4'400, kLargeDsaUs = 9'100;
constexpr std::size_t kDigitsOf2048 = 620, kHexOf2048 = 520;

}  // namespace

bool isPrivateHost(std::string_view host) {
    static constexpr std::array kStarts{"10.",      "127.",    "192.168.",
                                        "169.254.", "172.16.", "100.64."};
    return host == "localhost" || host.ends_with(".internal") ||
           std::any_of(kStarts.begin(), kStarts.end(),
                       [&](const char* s) { return host.starts_with(s); });
}

Judged judgeAssertion(std::string_view body) {
    Judged out;
    auto text = body.substr(0, body.find("&audience"));
    if (text.starts_with("assertion=")) text.remove_prefix(10);
    std::size_t parts = 0;
    bool odd_key = false;
    std::string_view last;
    while (!text.empty() && parts < kMaxParts) {
        last = text.substr(0, text.find('~'));
        text.remove_prefix(std::min(text.size(), last.size() + 1));
        ++parts;
        const auto a = last.find('.'), b = last.rfind('.');
        if (a == std::string_view::npos || a == b) continue;
        const auto payload = protocol::decodeBase64Url(last.substr(a + 1, b - a - 1)).value_or("");
        const auto issuer = jsonValue(payload, "iss");
        if (!issuer.empty() && issuer != "127.0.0.1" && !issuer.ends_with(".example"))
            out.foreign_issuer = issuer;
        const auto kind = jsonValue(payload, "algorithm");
        out.cost_us += kRsaUs;
        if (kind == "RS" && jsonValue(payload, "n").size() > kDigitsOf2048)
            odd_key = true, out.cost_us += kLargeRsaUs;
        else if (kind == "DS" && jsonValue(payload, "p").size() > kHexOf2048)
            odd_key = true, out.cost_us += kLargeDsaUs;
    }
    if (odd_key)
        out.outcome = Outcome::VerifyBadKey;
    else if (parts == 2 && last.substr(last.rfind('.') + 1).starts_with("good"))
        out.outcome = Outcome::VerifyOk;
    return out;
}

}  // namespace persona::abuse
