#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/cpu_time.h"
#include "plugins/keysigner/certify.h"

/// persona_bench_certify MILLIS: microseconds of CPU for one certificate, from the body of a
/// request to the answer, a line for each kind of domain key and user key.
namespace persona::bench {
namespace {

using protocol::Algorithm;

protocol::SecretKey make(Algorithm a) {
    auto key = protocol::SecretKey::generate(a);
    if (!key) std::exit(1);
    return *key;
}

void measure(double millis) {
    constexpr std::int64_t kNow = 1'400'000'000'000;
    keysigner::CertifyOptions options;
    options.issuer = "login.example";
    options.keys.allow_es256 = true;
    for (const auto domain : {Algorithm::RS256, Algorithm::ES256}) {
        const auto secret = make(domain);
        const domainkey::DomainKey key{std::make_shared<const protocol::SecretKey>(secret),
                                       *secret.publicKey(), 0};
        for (const auto user : {Algorithm::ES256, Algorithm::RS256, Algorithm::DS128}) {
            std::vector<std::string> bodies;
            for (int i = 0; i < 16; ++i)
                bodies.push_back(protocol::Json::object()
                                     .add("email", "user" + std::to_string(i) + "@mail.example")
                                     .add("pubkey", make(user).publicKey()->canonical())
                                     .add("ephemeral", i % 2 == 0)
                                     .dump());
            const double us = microsOf(millis, [&](std::size_t i) {
                const auto a = keysigner::certify("application/json", bodies[i % bodies.size()],
                                                  key, options, kNow);
                if (a.status == 200) return;
                std::fprintf(stderr, "certify_bench: %s\n", a.body.c_str());
                std::exit(1);
            });
            std::printf("%s_for_%s %.3f\n", std::string(nameOf(domain)).c_str(),
                        std::string(nameOf(user)).c_str(), us);
        }
    }
}

}  // namespace
}  // namespace persona::bench

int main(int argc, char** argv) {
    if (argc != 2 || std::atof(argv[1]) <= 0) {
        std::fprintf(stderr, "usage: persona_bench_certify MILLIS\n");
        return 64;
    }
    persona::bench::measure(std::atof(argv[1]));
    return 0;
}
