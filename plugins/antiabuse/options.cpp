#include "plugins/antiabuse/options.h"

#include <stdexcept>

#include "libs/wsapi/authority.h"
#include "libs/wsapi/seal.h"

namespace persona::antiabuse {

namespace {

wsapi::KeyRing keysOf(const sdk::Config& config, const char* option) {
    auto ring = wsapi::loadOrCreateKeyRing(config.str(option));
    if (!ring) throw std::runtime_error(std::string(option) + ": " + ring.error());
    return std::move(*ring);
}

std::uint32_t number(const sdk::Config& config, const char* option) {
    return static_cast<std::uint32_t>(config.num(option));
}

}  // namespace

std::vector<psn_option> declaredOptions() {
    using sdk::option;
    constexpr std::int64_t kDay = 86'400'000;
    return {
        option(
            "secrets.antiabuse", PSN_OPT_STRING, "var/secrets/antiabuse",
            "file of the secret under which addresses and accounts are hashed; made when missing"),
        option(
            "secrets.class", PSN_OPT_STRING, "var/secrets/class",
            "file of the keys of the cookie bid_class; the roles have the same; made when missing"),
        option("public_url", PSN_OPT_STRING, "",
               "origin of the service, such as https://login.example"),
        option("public_verifier_url", PSN_OPT_STRING, "",
               "origin of the verifier when it has a host name of its own"),
        option("trusted", PSN_OPT_LIST, "",
               "networks whose requests are never refused, such as 192.0.2.0/28; health checks"),
        option("modes", PSN_OPT_MAP, "",
               "by rule (\"rate\" or \"rate.burst\"): off, monitor, sample(0.1) or enforce"),
        option("default_mode", PSN_OPT_ENUM, "enforce", "of rules that `modes` does not name", 0, 0,
               0, "off|monitor|enforce"),
        option("max_body", PSN_OPT_SIZE, "10KiB", "largest body of a request; more is 413", 0,
               1'024, 1 << 20),
        option("prefixes", PSN_OPT_INT, "262144",
               "prefixes of which strikes and credit are remembered; about 25 octets each", 0,
               1'024, 16'777'216),
        option("strikes.box_after", PSN_OPT_INT, "30",
               "refusals, of which one a second is forgotten, that put a prefix into the box", 0, 2,
               10'000),
        option("strikes.drop_after", PSN_OPT_INT, "100",
               "refusals after which connections of a boxed prefix are closed without an answer", 0,
               2, 10'000),
        option("box.first", PSN_OPT_DURATION, "30s",
               "first stay in the box; doubled within the hour", 0, 1'000, kDay),
        option("box.longest", PSN_OPT_DURATION, "15m", "longest stay", 0, 1'000, kDay),
        option("box.longest_with_credit", PSN_OPT_DURATION, "60s",
               "longest stay of a prefix from which people sign in", 0, 1'000, kDay),
        option("known.per_second", PSN_OPT_DOUBLE, "2",
               "requests of a browser that is signed in or known, beyond which it is a stranger; "
               "as many files besides"),
        option("known.burst", PSN_OPT_INT, "60", "of them at once", 0, 1, 10'000),
        option("challenge.weight", PSN_OPT_INT, "10", "weight from which a challenge is put", 0, 1,
               1'000),
        option("challenge.mail_weight", PSN_OPT_INT, "25",
               "weight from which a sign-in needs a link by mail", 0, 1, 10'000),
        option("tarpit", PSN_OPT_INT, "256", "requests that are held at once, at most; 0: none", 0,
               0, 10'000),
        option("explain.file", PSN_OPT_STRING, "",
               "file for a line of JSON on each refusal; empty: only what `ctl aa explain` shows"),
        option("explain.rate", PSN_OPT_INT, "100", "lines a second, at most", 0, 1, 100'000)};
}

Options::Options(const sdk::Config& config) {
    secret =
        wsapi::deriveKeys(keysOf(config, "secrets.antiabuse"), "persona anti-abuse keys 1").front();
    class_keys = keysOf(config, "secrets.class");
    verifier_authority =
        wsapi::verifierAuthority(config.str("public_verifier_url"), config.str("public_url"));
    std::vector<addresses::Prefix> prefixes;
    for (const auto& [key, text] : config.items("trusted")) {
        const auto prefix = addresses::parsePrefix(text);
        if (!prefix)
            throw std::runtime_error("trusted: expected a network such as 192.0.2.0/28, got \"" +
                                     text + "\"");
        prefixes.push_back(*prefix);
    }
    trusted = addresses::PrefixSet(prefixes);
    for (const auto& [rule, text] : config.items("modes")) {
        const auto mode = parseMode(text);
        if (!mode)
            throw std::runtime_error("modes." + rule +
                                     ": expected off, monitor, sample(0.1) or enforce, got \"" +
                                     text + "\"");
        modes[rule] = *mode;
    }
    default_mode = *parseMode(config.str("default_mode"));
    ledger.slots = number(config, "prefixes");
    ledger.box_after = number(config, "strikes.box_after");
    ledger.drop_after = number(config, "strikes.drop_after");
    ledger.first_box_ms = number(config, "box.first");
    ledger.longest_box_ms = number(config, "box.longest");
    ledger.longest_with_credit_ms = number(config, "box.longest_with_credit");
    ledger.known_per_second = config.real("known.per_second");
    if (!(ledger.known_per_second > 0) || ledger.known_per_second > 1'000)
        throw std::runtime_error("known.per_second: expected more than 0 and at most 1000");
    ledger.known_burst = number(config, "known.burst");
    weights = {number(config, "challenge.weight"), number(config, "challenge.mail_weight")};
    max_body = static_cast<std::uint64_t>(config.num("max_body"));
    tarpit_most = number(config, "tarpit");
    explain_file = config.str("explain.file");
    explain_rate = number(config, "explain.rate");
}

}  // namespace persona::antiabuse
