#include "plugins/antiabuse/heuristics/challenge/tickets.h"

#include <algorithm>
#include <charconv>

#include "libs/protocol/base64url.h"
#include "libs/wsapi/seal.h"

namespace persona::challenge {

namespace {

constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::size_t kTail = 6, kMac = 22, kMostFields = 5 + kTail;

struct Fields {
    std::array<std::string_view, kMostFields> all;
    std::size_t count = 0;
};

/// At most kMostFields; more are none.
std::optional<Fields> split(std::string_view text) {
    Fields out;
    for (;;) {
        if (out.count == out.all.size()) return std::nullopt;
        const auto dot = text.find('.');
        out.all[out.count++] = text.substr(0, dot);
        if (dot == std::string_view::npos) return out;
        text.remove_prefix(dot + 1);
    }
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < 0) return std::nullopt;
    return n;
}

std::string dayKey(const std::string& secret, std::int64_t day) {
    return wsapi::hmacSha256(secret, "persona challenge 1 day " + std::to_string(day));
}

std::string macOf(const std::string& key, std::string_view text) {
    return protocol::encodeBase64Url(std::string_view(wsapi::hmacSha256(key, text)).substr(0, 16));
}

std::string bindOf(const std::string& key, const Binding& b) {
    const auto text = "bind " + std::to_string(b.network) + " " + std::to_string(b.session) + " " +
                      std::to_string(b.account) + " " + std::to_string(b.route);
    return protocol::encodeBase64Url(std::string_view(wsapi::hmacSha256(key, text)).substr(0, 8));
}

}  // namespace

Tickets::Tickets(const wsapi::KeyRing& secrets) : secrets_(secrets) {}

std::string Tickets::seal(std::string text, const std::string& id, const Binding& binding,
                          std::int64_t until_ms, std::int64_t now_ms) const {
    const auto day = now_ms / kDayMs;
    const auto key = dayKey(secrets_.front(), day);
    text += "." + std::to_string(until_ms / 1'000) + "." + std::to_string(binding.route) + "." +
            bindOf(key, binding) + "." + protocol::encodeBase64Url(id) + "." + std::to_string(day);
    return text + "." + macOf(key, text);
}

std::string Tickets::work(const pow::Puzzle& p, const Binding& binding, std::int64_t until_ms,
                          std::int64_t now_ms) const {
    return seal("v1." + std::string(nameOf(p.algorithm)) + "." + std::to_string(p.iterations) +
                    "." + std::to_string(pow::Puzzle::kParts) + "." + std::to_string(p.bits),
                std::string(p.seed.begin(), p.seed.end()), binding, until_ms, now_ms);
}

std::string Tickets::wait(const std::string& id, const Binding& binding, std::int64_t from_ms,
                          std::int64_t until_ms, std::int64_t now_ms) const {
    return seal("w1." + std::to_string((from_ms + 999) / 1'000), id, binding, until_ms, now_ms);
}

std::string Tickets::pass(const std::string& id, const Binding& binding, std::int64_t until_ms,
                          std::int64_t now_ms) const {
    return seal("p1", id, binding, until_ms, now_ms);
}

Tickets::Read Tickets::open(std::string_view text, std::size_t head, const Binding& binding,
                            std::int64_t now_ms) const {
    Read out;
    if (text.size() > kLongest) return out;
    const auto f = split(text);
    if (!f || f->count != head + kTail) return out;
    const auto* tail = f->all.data() + head;
    const auto until = number(tail[0]), route = number(tail[1]), day = number(tail[4]);
    const auto id = protocol::decodeBase64Url(tail[3]);
    if (!until || !route || !day || !id || id->size() != pow::Puzzle::kSeed ||
        tail[5].size() != kMac)
        return out;
    const auto today = now_ms / kDayMs;
    out.check = Check::Expired;
    if (*until * 1'000 <= now_ms || *day > today || *day + 1 < today) return out;
    out.check = Check::Forged;
    const auto signed_text = text.substr(0, text.size() - kMac - 1);
    for (const auto& secret : secrets_) {
        const auto key = dayKey(secret, *day);
        if (!wsapi::equalSecrets(macOf(key, signed_text), tail[5])) continue;
        const bool here =
            *route == binding.route && wsapi::equalSecrets(bindOf(key, binding), tail[2]);
        out.check = here ? Check::Good : Check::Elsewhere;
        out.id = *id;
        return out;
    }
    return out;
}

Tickets::Read Tickets::readWork(std::string_view text, const Binding& binding,
                                std::int64_t now_ms) const {
    if (!text.starts_with("v1.")) return {};
    auto out = open(text, 5, binding, now_ms);
    if (out.check != Check::Good) return out;
    // Under our own MAC: these are numbers that work() wrote.
    const auto f = *split(text);
    const auto algorithm = pow::algorithmOf(f.all[1]);
    const auto iterations = number(f.all[2]), bits = number(f.all[4]);
    if (!algorithm || !iterations || !bits || f.all[3] != "4") return {};
    out.puzzle.algorithm = *algorithm;
    out.puzzle.iterations = static_cast<std::uint32_t>(*iterations);
    out.puzzle.bits = static_cast<std::uint32_t>(*bits);
    std::copy(out.id.begin(), out.id.end(), out.puzzle.seed.begin());
    return out;
}

Tickets::Read Tickets::readWait(std::string_view text, const Binding& binding,
                                std::int64_t now_ms) const {
    if (!text.starts_with("w1.")) return {};
    auto out = open(text, 2, binding, now_ms);
    if (out.check != Check::Good) return out;
    const auto from = number(split(text)->all[1]);
    if (!from) return {};
    if (*from * 1'000 > now_ms) out.check = Check::Early;
    return out;
}

Tickets::Read Tickets::readPass(std::string_view text, const Binding& binding,
                                std::int64_t now_ms) const {
    if (!text.starts_with("p1.")) return {};
    return open(text, 1, binding, now_ms);
}

}  // namespace persona::challenge
