#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <ostream>
#include <set>
#include <string>

namespace persona::antiabuse {

/// What is assumed of requests where a log does not say it.
struct ReplayOptions {
    bool cookieless = false;  ///< they came without cookies
    bool each = false;        ///< a line for each request that would have been hindered
};

/// How one reason hindered requests.
struct ReplayedRule {
    std::uint64_t requests = 0;
    std::set<std::string> addresses;
    std::map<std::string, std::uint64_t> routes;
};

struct Replayed {
    std::uint64_t lines = 0, skipped = 0, judged = 0, hindered = 0;
    std::map<std::string, ReplayedRule> rules;       ///< by "VERDICT REASON"
    std::map<std::string, std::uint64_t> addresses;  ///< hindered requests of each
};

/// Asks the heuristic in `module` about every request of an access log, in the log's own time, with
/// tables that begin empty. `options`: a line for each, as in sdk testing::Harness. What would have
/// been refused is given back, as the filter does. Accounts, sessions and outcomes are in no log:
/// heuristics that live on them say nothing here. Throws std::runtime_error when the module cannot
/// be used.
[[nodiscard]] Replayed replay(const std::string& module, const std::string& options,
                              std::istream& log, std::ostream& out, const ReplayOptions& how);

/// The summary for a person.
void show(const Replayed& result, std::ostream& out);

}  // namespace persona::antiabuse
