#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "bench/cpu_time.h"
#include "libs/domainkey/key_ring.h"
#include "libs/protocol/token.h"
#include "libs/protocol/verify.h"

/// persona_bench_verify MILLIS [ROW]: microseconds of CPU for one bundle, in process, a line each.
/// persona_bench_verify --make DIR: what bench/verify/run needs to ask a verifier over HTTP.
namespace persona::bench {
namespace {

using protocol::Algorithm;
using protocol::SecretKey;

constexpr std::int64_t kNow = 1'400'000'000'000, kFarFuture = 4'000'000'000'000;
constexpr const char *kHost = "127.0.0.1", *kAudience = "https://site.example";
/// More users than any memory of a single key helps with.
constexpr std::size_t kUsers = 16;

SecretKey make(Algorithm a) {
    auto key = SecretKey::generate(a);
    if (!key) {
        std::fprintf(stderr, "verify_bench: %s\n", key.error().c_str());
        std::exit(1);
    }
    return *key;
}

std::string bundleOf(const SecretKey& domain, const SecretKey& user, std::size_t n,
                     std::int64_t exp = kFarFuture) {
    protocol::CertificateRequest c;
    c.issuer = kHost;
    c.email = "user" + std::to_string(n) + "@mail.example";
    c.issued_at_ms = kNow - 60'000;
    c.expires_at_ms = exp;
    const auto certificate =
        protocol::signToken(domain, protocol::certificatePayload(c, *user.publicKey()));
    const auto assertion = protocol::signToken(
        user, "{\"exp\":" + std::to_string(exp) + ",\"aud\":\"" + std::string(kAudience) + "\"}");
    return *certificate + "~" + *assertion;
}

struct Row {
    const char* name;
    Algorithm domain, user;
};
constexpr Row kRows[] = {{"rs256_es256", Algorithm::RS256, Algorithm::ES256},
                         {"rs256_rs256", Algorithm::RS256, Algorithm::RS256},
                         {"rs256_ds128", Algorithm::RS256, Algorithm::DS128},
                         {"es256_es256", Algorithm::ES256, Algorithm::ES256}};

protocol::VerifyOptions optionsFor(const SecretKey& domain) {
    protocol::VerifyOptions o;
    o.hostname = kHost;
    o.own_keys = {*domain.publicKey()};
    o.keys.allow_es256 = o.keys.allow_ed25519 = true;
    o.disable_primary_support = true;
    return o;
}

protocol::VerifyResult check(const std::string& bundle, const protocol::VerifyOptions& options,
                             std::int64_t now = kNow, const char* audience = kAudience) {
    protocol::VerifyRequest r;
    r.assertion = bundle;
    r.audience = audience;
    return protocol::verify(r, protocol::Api::V2, options, now,
                            [](const std::string&) { return protocol::Discovered{}; });
}

void expect(bool good, const std::string& what) {
    if (good) return;
    std::fprintf(stderr, "verify_bench: %s\n", what.c_str());
    std::exit(1);
}

void report(const std::string& name, double micros) {
    std::printf("%s %.3f\n", name.c_str(), micros);
}

/// Flips the last signature octets so that base64 stays good.
std::string withBadSignature(std::string bundle, bool of_certificate) {
    const std::size_t at = of_certificate ? bundle.find('~') - 9 : bundle.size() - 9;
    bundle[at] = bundle[at] == 'A' ? 'B' : 'A';
    return bundle;
}

/// Refusals that need no signature arithmetic.
bool beforeArithmetic(const std::string& reason) {
    for (const char* r :
         {"malformed signature", "signed object must have three parts", "no certificates provided",
          "certificate chaining is not yet allowed", "unknown format version", "missing issuer",
          "invalid issuer", "algorithms do not match", "this verifier doesn't respect"})
        if (reason.starts_with(r)) return true;
    return false;
}

/// What arrives at an open verifier that is no honest bundle: noise of every kind that keeps the
/// shape in part, with a seed of its own so that each run sees the same.
std::vector<std::string> garbage(const std::vector<std::string>& good) {
    std::mt19937 random(20140513);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    static constexpr std::string_view kBase64 =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::vector<std::string> out;
    for (int i = 0; i < 400; ++i) {
        std::string text = good[below(good.size())];
        switch (i % 8) {
            case 0:  // random octets
                text.resize(20 + below(2000));
                for (auto& c : text) c = static_cast<char>(random());
                break;
            case 1:  // base64 and separators at random
                for (auto& c : text)
                    c = below(200) == 0 ? '.' : below(400) == 0 ? '~' : kBase64[below(64)];
                break;
            case 2:  // cut short
                text.resize(below(text.size()));
                break;
            case 3:  // one in a hundred characters replaced
                for (auto& c : text)
                    if (below(100) == 0) c = kBase64[below(64)];
                break;
            case 4: {  // segments in another order
                const auto dot = text.find('.');
                text = text.substr(dot + 1) + "." + text.substr(0, dot);
                break;
            }
            case 5: {  // a piece taken out
                const auto at = below(text.size() / 2);
                text.erase(at, 1 + below(text.size() - at - 1));
                break;
            }
            case 6:  // three shapes, no content
                text = std::string(below(900), 'e') + "." + std::string(below(900), 'y') + "." +
                       std::string(below(300), 'J') + "~a.b.c";
                break;
            default:  // an unknown header, or another algorithm's
                text = "eyJhbGciOiJub25lIn0" + text.substr(text.find('.'));
                break;
        }
        out.push_back(std::move(text));
    }
    return out;
}

void refused(double millis, const SecretKey& domain, const std::vector<std::string>& good,
             double valid) {
    const auto options = optionsFor(domain);
    const auto row = [&](const char* name, const std::vector<std::string>& bundles,
                         std::int64_t now = kNow, const char* audience = kAudience) {
        expect(!check(bundles[0], options, now, audience).ok, std::string(name) + " is accepted");
        const double us = microsOf(millis, [&](std::size_t i) {
            check(bundles[i % bundles.size()], options, now, audience);
        });
        report(std::string("refused_") + name + "_of_valid", us / valid);
    };
    std::vector<std::string> bad_certificate, bad_assertion;
    for (const auto& b : good) {
        bad_certificate.push_back(withBadSignature(b, true));
        bad_assertion.push_back(withBadSignature(b, false));
    }
    row("bad_certificate_signature", bad_certificate);
    row("bad_assertion_signature", bad_assertion);
    row("expired", good, kFarFuture + 1);
    row("other_audience", good, kNow, "https://other.example");
    const auto noise = garbage(good);
    row("garbage", noise);
    std::size_t early = 0;
    for (const auto& n : noise) early += beforeArithmetic(check(n, options).reason) ? 1 : 0;
    report("garbage_refused_before_arithmetic",
           100.0 * static_cast<double>(early) / static_cast<double>(noise.size()));
    // The dearest text of 10,240 octets that holds no signature: many members, then many levels.
    std::string members = "{";
    for (int i = 0; members.size() < 3'600; ++i)
        members += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
    const auto payload = protocol::signToken(SecretKey(make(Algorithm::ES256)), members + "}");
    row("many_members", {*payload + "~" + *payload});
}

/// How dear one verification with a key of each kind is, gates and all, beside RSA 2048's.
void keyCosts(double millis) {
    protocol::KeyOptions options;
    options.allow_es256 = true;
    const std::string message(900, 'x');
    double rsa = 0;
    for (const auto a : {Algorithm::RS256, Algorithm::RS128, Algorithm::DS128, Algorithm::DS256,
                         Algorithm::ES256}) {
        const auto secret = make(a);
        const auto text = secret.publicKey()->canonical();
        const auto signature = *secret.sign(message);
        const auto key = *secret.publicKey();
        if (a == Algorithm::RS256)
            rsa = microsOf(millis, [&](std::size_t) {
                expect(key.verify(message, signature) == protocol::PublicKey::Verdict::Good, "key");
            });
        const double us = microsOf(millis, [&](std::size_t) {
            const auto parsed = protocol::PublicKey::parse(std::string_view(text), options);
            expect(parsed->verify(message, signature) == protocol::PublicKey::Verdict::Good, "key");
        });
        report("new_key_" + std::string(nameOf(a)) + "_in_rsa2048", us / rsa);
    }
}

void measure(double millis, std::string_view only) {
    for (const auto& r : kRows) {
        if (!only.empty() && only != r.name) continue;
        const auto domain = make(r.domain);
        std::vector<std::string> bundles;
        for (std::size_t i = 0; i < kUsers; ++i)
            bundles.push_back(bundleOf(domain, make(r.user), i));
        auto options = optionsFor(domain);
        for (const auto& b : bundles) {
            const auto got = check(b, options);
            expect(got.ok, std::string(r.name) + ": " + got.reason);
        }
        const auto time = [&] {
            return microsOf(millis, [&](std::size_t i) { check(bundles[i % kUsers], options); });
        };
        const double fresh = time();
        report(std::string(r.name) + "_new_users", fresh);
        options.seen_keys = std::make_shared<protocol::KeyCache>(1'024);
        for (const auto& b : bundles) check(b, options);
        report(std::string(r.name) + "_known_keys", time());
        options.certificates = std::make_shared<protocol::CertificateCache>(1'024);
        for (const auto& b : bundles) check(b, options);
        report(std::string(r.name) + "_known_certificates", time());
        if (r.user == Algorithm::RS256) refused(millis, domain, bundles, fresh);
    }
    if (only.empty()) keyCosts(millis);
}

int makeFiles(const std::string& directory) {
    auto store = domainkey::fileKeyStore(directory + "/domain-key.pem");
    domainkey::RingOptions ring;
    ring.public_file = directory + "/domain-key.public.json";
    const auto opened = domainkey::KeyRing::open(std::move(store), ring, kNow);
    expect(opened.ok(), opened.error());
    std::ifstream in(directory + "/domain-key.pem");
    const std::string pem((std::istreambuf_iterator<char>(in)), {});
    const auto domain = SecretKey::fromPem(pem);
    for (const auto& r : kRows) {
        if (r.domain != Algorithm::RS256) continue;
        std::ofstream out(directory + "/" + r.name);
        for (std::size_t i = 0; i < kUsers; ++i) out << bundleOf(*domain, make(r.user), i) << "\n";
    }
    return 0;
}

}  // namespace
}  // namespace persona::bench

int main(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--make")
        return persona::bench::makeFiles(argv[2]);
    if (argc < 2 || argc > 3 || std::atof(argv[1]) <= 0) {
        std::fprintf(stderr, "usage: persona_bench_verify MILLIS [ROW] | --make DIR\n");
        return 64;
    }
    persona::bench::measure(std::atof(argv[1]), argc == 3 ? argv[2] : "");
    return 0;
}
