#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace persona::abuse {

/// Counting rules in the manner of Firefox Accounts, read from a .rules file: see anchors/. Times
/// are seconds on any clock that does not go back.
class Rules {
  public:
    struct Request {
        std::string_view action, ip, email, session;
    };
    /// What came of it, by the back end's word.
    enum class Came { Well, Failed, Unknown };

    /// Throws std::runtime_error that names the line.
    explicit Rules(std::string_view text);
    /// Seconds to wait when it is refused; nothing: it may pass.
    std::optional<double> check(const Request& q, double now);
    /// After the answer: failures count.
    void came(const Request& q, Came how, double now);
    /// Forgets what is older than every window; call it now and then.
    void expire(double now);
    [[nodiscard]] std::size_t size() const { return counters_.size() + bans_.size(); }

  private:
    enum class Key { Ip, Email, IpEmail, Session };
    enum class Counts { Check, Fail, Distinct, BadLogin };
    struct Rule {
        std::vector<std::string> actions, counted;
        Key key = Key::Ip;
        Counts counts = Counts::Check;
        unsigned most = 0;
        double window = 0, ban = 0;
        bool everything = false;
    };
    struct Counter {
        std::deque<std::pair<double, std::uint64_t>> marks;  ///< when, and about whom
        std::deque<unsigned> weights;
        double last = 0;
    };
    [[nodiscard]] std::string keyOf(std::size_t rule, const Request& q) const;
    [[nodiscard]] bool applies(const std::vector<std::string>& actions, std::string_view a) const;
    /// True when that is one too many.
    bool count(std::size_t rule, const Request& q, unsigned weight, double now);

    bool sliding_ = true;
    std::vector<Rule> rules_;
    std::set<std::string, std::less<>> named_;
    std::unordered_map<std::string, Counter> counters_;
    std::unordered_map<std::string, double> bans_;
};

}  // namespace persona::abuse
