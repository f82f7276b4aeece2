#include "plugins/antiabuse/replay/replay.h"

#include <algorithm>
#include <iomanip>
#include <persona/testing/harness.hpp>
#include <vector>

#include "plugins/antiabuse/explain.h"
#include "plugins/antiabuse/replay/access_log.h"
#include "plugins/antiabuse/routes.h"

namespace persona::antiabuse {

namespace {

constexpr std::size_t kShownAddresses = 10;

}  // namespace

Replayed replay(const std::string& module, const std::string& options, std::istream& log,
                std::ostream& out, const ReplayOptions& how) {
    testing::Harness harness(module, options);
    if (harness.kind() != "heuristic")
        throw std::runtime_error(module + " is a " + harness.kind() + "; expected a heuristic");
    const Routes routes("");
    Replayed result;
    std::int64_t now = 0;
    for (std::string line; std::getline(log, line);) {
        ++result.lines;
        const auto r = parseLine(line);
        if (!r) {
            ++result.skipped;
            continue;
        }
        // Lines are written when requests end: they may stand a little out of order.
        if (now == 0) harness.clock().setWall(r->seconds * 1'000);
        if (now != 0 && r->seconds > now)
            harness.clock().advance(std::chrono::seconds(r->seconds - now));
        now = std::max(now, r->seconds);
        const auto& route = routes.find(r->method, r->path, "", "");
        auto facts = harness.facts();
        facts.from(r->address)
            .method(r->method)
            .path(r->path)
            .query(r->query)
            .route(route.label)
            .routeClass(route.route_class, route.traits)
            .priority(3)
            .flags(how.cookieless ? 0 : PSN_FACT_COOKIES)
            .agent(r->agent);
        const auto v = facts.evaluate();
        ++result.judged;
        psn_outcome o{};
        o.status = r->status;
        o.queue_us = ~0U;
        if (v.kind >= PSN_VERDICT_CHALLENGE) o.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
        facts.observe(o);
        if (v.kind < PSN_VERDICT_DELAY) continue;
        ++result.hindered;
        ++result.addresses[r->address];
        const auto name = std::string(nameOfVerdict(v.kind)) + " " + v.reason;
        auto& rule = result.rules[name];
        ++rule.requests;
        rule.addresses.insert(r->address);
        ++rule.routes[route.label];
        if (how.each)
            out << r->seconds << " " << r->address << " " << r->method << " " << r->path << " "
                << name << "\n";
    }
    return result;
}

void show(const Replayed& result, std::ostream& out) {
    out << result.judged << " requests judged, " << result.hindered << " hindered; "
        << result.skipped << " of " << result.lines << " lines are no requests\n";
    for (const auto& [name, rule] : result.rules) {
        out << "  " << std::left << std::setw(28) << name << rule.requests << " requests of "
            << rule.addresses.size() << " addresses:";
        for (const auto& [route, n] : rule.routes) out << " " << route << " " << n;
        out << "\n";
    }
    std::vector<std::pair<std::uint64_t, std::string>> most;
    for (const auto& [address, n] : result.addresses) most.emplace_back(n, address);
    std::sort(most.rbegin(), most.rend());
    for (std::size_t i = 0; i < std::min(most.size(), kShownAddresses); ++i)
        out << "  " << std::left << std::setw(40) << most[i].second << most[i].first << "\n";
}

}  // namespace persona::antiabuse
