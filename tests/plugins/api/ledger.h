#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/service.h"

namespace persona::api {

/// One answer that a call must be able to give: success and each failure of its row in wsapi.md
/// section 4, as amended by 5.5 and the decisions. `answer` is how "status body" begins.
struct Row {
    enum class Seen { Router, Role };  ///< Role: an internal call, which the router never forwards
    std::string call, answer;
    Seen seen = Seen::Router;
};

/// Those that rows.cpp lists, and those that every call of the table has (wsapi.md 3.1).
[[nodiscard]] std::vector<Row> rows();

/// Weakness of the original (wsapi.md 5.5) -> the tests of Api that show its mend.
[[nodiscard]] const std::map<int, std::vector<std::string>>& weaknesses();

/// Notes every answer that the tests of a run got, and at the end names the rows that no answer
/// belongs to. A run is one shape on one database; it is judged when all of its tests ran.
class Ledger {
  public:
    using Run = std::tuple<testing::Shape, testing::Database>;
    /// The one that hears of all answers to this program.
    static Ledger& shared();
    void begin(const Run& run);
    /// What answers on this port is a router.
    void noteRouter(unsigned short port);
    /// "status body" that came from a port for a request of this target.
    void note(unsigned short port, const std::string& target, const std::string& text);
    [[nodiscard]] bool has(const Run& run, const Row& row) const;
    /// After the last test; reports by failed assertions.
    void judge() const;

  private:
    mutable std::mutex mutex_;
    std::optional<Run> run_;
    std::set<unsigned short> routers_;
    /// Run -> call, whether the router gave it -> the beginnings of its answers.
    std::map<Run, std::map<std::pair<std::string, bool>, std::set<std::string>>> seen_;
};

}  // namespace persona::api
