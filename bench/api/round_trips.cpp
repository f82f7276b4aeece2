#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "libs/accounts/store.h"

/// persona_bench_round_trips SECONDS ADDRESS sqlite FILE | mysql PORT NAME: what the calls of the
/// API ask of the database, in their order, and nothing else; one thread, over the same library.
/// The session of who is signed in is looked up first. A line each: NAME, microseconds that passed,
/// microseconds of CPU of this process.
namespace {

using persona::accounts::Address;
using persona::accounts::Reader;
using persona::accounts::Store;
using persona::accounts::StoreOptions;
using Clock = std::chrono::steady_clock;

void must(bool ok, const std::string& why) {
    if (ok) return;
    std::fprintf(stderr, "bench_round_trips: %s\n", why.c_str());
    std::exit(1);
}

double cpuMicros() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

StoreOptions optionsOf(const std::vector<std::string>& words) {
    StoreOptions o;
    o.read_only = true;
    if (words.at(0) == "sqlite") {
        o.file = words.at(1);
        return o;
    }
    o.driver = StoreOptions::Driver::Mysql;
    o.port = static_cast<unsigned>(std::stoul(words.at(1)));
    o.name = words.at(2);
    o.user = "root";
    return o;
}

void measure(const char* name, double seconds, const std::function<bool()>& ask) {
    must(ask(), std::string(name) + ": the database does not answer");  // and is open from now on
    long count = 0;
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration<double>(seconds);
    const auto cpu = cpuMicros();
    for (; Clock::now() < end; ++count)
        must(ask(), std::string(name) + ": the database does not answer");
    const auto passed = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
    std::printf("%s %.1f %.1f\n", name, passed / static_cast<double>(count),
                (cpuMicros() - cpu) / static_cast<double>(count));
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    must(words.size() == 4 || words.size() == 5,
         "SECONDS ADDRESS sqlite FILE | SECONDS ADDRESS mysql PORT NAME");
    const double seconds = std::atof(words[0].c_str());
    must(seconds > 0 && seconds <= 60, "seconds must be above 0 and at most 60");
    const auto address = Address::parse(words[1]);
    must(address.has_value(), words[1] + " is no address");
    const auto opened = Store::open(optionsOf({words.begin() + 2, words.end()}));
    must(opened.ok(), opened.error());
    const Reader& reader = (*opened)->reader();
    const auto known = reader.emailInfo(*address);
    must(known && *known, words[1] + " has no account");
    const auto user = (*known)->user;
    const std::string domain(address->domain());
    const auto session = [&] { return reader.sessionEpoch(user).ok(); };
    const auto about = [&] {
        return reader.emailInfo(*address).ok() && reader.idpLastSeen(domain).ok();
    };
    measure("ping", seconds, [&] { return reader.ping().ok(); });
    measure("context_signed_in", seconds, [&] { return session() && reader.user(user).ok(); });
    measure("address_info", seconds, about);
    measure("list_emails", seconds, [&] { return session() && reader.listEmails(user).ok(); });
    measure("cert_key", seconds, [&] { return session() && about(); });
    return 0;
}
