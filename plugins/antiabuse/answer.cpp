#include "plugins/antiabuse/answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <string_view>

#include "plugins/antiabuse/explain.h"

namespace persona::antiabuse {

namespace {

unsigned statusOf(std::uint32_t kind) {
    return kind == PSN_VERDICT_SHED ? 503U : kind == PSN_VERDICT_DENY ? 403U : 429U;
}

const char* reasonOf(unsigned status) {
    return status == 400   ? "the body cannot be read"
           : status == 403 ? "not allowed"
           : status == 503 ? "server is too busy"
                           : "too many requests";
}

/// A number as text, on the stack.
class Digits {
  public:
    explicit Digits(std::uint32_t number) {
        const auto end = std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr;
        size_ = static_cast<std::size_t>(end - text_.data());
    }
    operator std::string_view() const {  // NOLINT(google-explicit-constructor)
        return {text_.data(), size_};
    }

  private:
    std::array<char, 10> text_;
    std::size_t size_;
};

/// With one allocation.
std::string joined(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const auto part : parts) size += part.size();
    std::string out;
    out.reserve(size);
    for (const auto part : parts) out += part;
    return out;
}

std::uint32_t secondsOf(std::uint32_t ms, unsigned spread) {
    const auto with_jitter = static_cast<std::uint64_t>(ms) * (1'024 + spread) / 1'024;
    return std::max(1U, static_cast<std::uint32_t>((with_jitter + 999) / 1'000));
}

}  // namespace

Answer answerFor(const psn_facts& facts, const Decision& decision, const psn_verdict* budget,
                 const psn_challenge* challenge, std::uint64_t id, unsigned spread) {
    Answer a;
    a.status = statusOf(decision.kind);
    if (budget != nullptr && a.status == 403 && sdk::view(budget->reason) == "unparsed")
        a.status = 400;
    const bool is_api =
        facts.route_class != PSN_ROUTE_STATIC && facts.route_class != PSN_ROUTE_VIEW;
    a.headers.reserve(7);
    a.headers.emplace_back("BID-AA-Id", hexOf(id));
    a.headers.emplace_back("Cache-Control", "no-store");
    std::uint32_t seconds = 0;
    if (a.status == 429 || a.status == 503) {
        seconds =
            secondsOf(challenge != nullptr ? challenge->retry_after_ms : decision.retry_after_ms,
                      challenge != nullptr ? 0 : spread);
        a.headers.emplace_back("Retry-After", std::to_string(seconds));
        if (budget != nullptr && budget->window_ms != 0) {
            const auto name = sdk::view(budget->reason);
            a.headers.emplace_back("RateLimit-Policy",
                                   joined({"\"", name, "\";q=", Digits(budget->budget), ";w=",
                                           Digits(std::max(1U, budget->window_ms / 1'000))}));
            a.headers.emplace_back("RateLimit", joined({"\"", name, "\";r=0;t=", Digits(seconds)}));
        }
    }
    if (challenge != nullptr) {
        a.headers.emplace_back("BID-Challenge", sdk::text(challenge->header));
        a.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
        a.body = sdk::text(challenge->body);
        return a;
    }
    const std::string_view reason = reasonOf(a.status);
    const Digits wait(seconds);
    if (!is_api) {
        a.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
        a.body = seconds == 0 ? joined({reason, "\n"})
                              : joined({reason, "; try again in ", wait, " s\n"});
        return a;
    }
    a.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
    const std::string_view begin = facts.route_class == PSN_ROUTE_VERIFY
                                       ? "{\"status\":\"failure\",\"reason\":\""
                                       : "{\"success\":false,\"reason\":\"";
    a.body = seconds == 0 ? joined({begin, reason, "\"}"})
                          : joined({begin, reason, "\",\"retry_after\":", wait, "}"});
    return a;
}

}  // namespace persona::antiabuse
