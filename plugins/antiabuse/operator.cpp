#include "plugins/antiabuse/operator.h"

#include <charconv>

#include "libs/addresses/address.h"

namespace persona::antiabuse {

namespace {

std::string error(std::string_view why) {
    return "{\"error\":\"" + std::string(why) + "\"}";
}
std::string_view nextWord(std::string_view& rest) {
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    return word;
}

}  // namespace

std::optional<std::string> Operator::answer(std::string_view words) const {
    const auto verb = nextWord(words);
    if (verb == "list") return panel.show();
    const auto rest = words;
    const auto first = nextWord(words);
    if (verb == "show") {
        const auto own = panel.command(first, "show");
        const auto shown = panel.show(first);
        if (shown == "[]") return error("no such rule; `list` shows them");
        return "{\"rule\":" + shown + (own ? ",\"state\":" + *own : "") + "}";
    }
    if (verb == "mode") return mode(first, words);
    if (verb == "explain") return explained(first);
    if (verb == "block") return box(first, words, true);
    if (verb == "unblock") return box(first, {}, false);
    if (panel.show(verb) == "[]") return std::nullopt;
    const auto own = panel.command(verb, rest);
    return own ? *own : error("that rule knows no such word");
}

std::string Operator::mode(std::string_view rule, std::string_view text) const {
    std::optional<Mode> wanted;
    if (text != "default") {
        wanted = parseMode(text);
        if (!wanted) return error("expected off, monitor, sample(0.1), enforce or default");
    }
    if (!panel.setMode(rule, wanted)) return error("no such rule; `list` shows them");
    return panel.show(rule);
}

std::string Operator::explained(std::string_view id) const {
    std::uint64_t number = 0;
    const auto [at, failure] = std::from_chars(id.data(), id.data() + id.size(), number, 16);
    if (failure != std::errc{} || at != id.data() + id.size() || id.size() != 16)
        return error("expected 16 hex digits, as BID-AA-Id has them");
    const auto line = explain.find(number);
    return line ? *line : error("not among the last decisions; look into explain.file");
}

std::string Operator::box(std::string_view text, std::string_view seconds, bool in) const {
    const auto address = addresses::parseAddress(text);
    if (!address) return error("expected an IP address");
    std::uint32_t wanted = 900;
    if (!seconds.empty()) {
        const auto [at, failure] =
            std::from_chars(seconds.data(), seconds.data() + seconds.size(), wanted);
        if (failure != std::errc{} || at != seconds.data() + seconds.size() || wanted > 86'400)
            return error("expected a number of seconds up to 86400");
    }
    std::uint64_t prefixes[3];
    keys.ofPrefixes(*address, prefixes);
    const auto now = host.monotonicNs();
    if (in)
        ledger.box(prefixes[0], 0, wanted * 1'000, now);
    else
        ledger.unbox(prefixes[0]);
    const auto standing = ledger.of(prefixes[0], now);
    return "{\"key\":\"" + hexOf(prefixes[0]) +
           "\",\"boxed_ms\":" + std::to_string(standing.boxed_ms) +
           ",\"strikes\":" + std::to_string(standing.strikes) +
           ",\"credit\":" + std::to_string(standing.credit) + "}";
}

}  // namespace persona::antiabuse
