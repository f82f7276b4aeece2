#include "bench/abuse/src/rules.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <stdexcept>

namespace persona::abuse {

namespace {

std::vector<std::string> split(std::string_view text, char by) {
    std::vector<std::string> out;
    for (;;) {
        auto one = text.substr(0, text.find(by));
        const bool last = one.size() == text.size();
        text.remove_prefix(std::min(text.size(), one.size() + 1));
        while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
        while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
        out.emplace_back(one);
        if (last) return out;
    }
}

template <typename T>
T oneOf(const std::map<std::string, T, std::less<>>& names, const std::string& name,
        std::size_t line) {
    const auto at = names.find(name);
    if (at == names.end())
        throw std::runtime_error("rules, line " + std::to_string(line) + ": unknown word '" + name +
                                 "'");
    return at->second;
}

}  // namespace

Rules::Rules(std::string_view text) {
    std::size_t number = 0;
    for (const auto& line : split(text, '\n')) {
        ++number;
        if (line.empty() || line.front() == '#') continue;
        if (line == "windows fixed" || line == "windows sliding") {
            sliding_ = line == "windows sliding";
            continue;
        }
        const auto parts = split(line, '|');
        if (parts.size() != 7 && parts.size() != 8)
            throw std::runtime_error("rules, line " + std::to_string(number) +
                                     ": expected 7 or 8 columns");
        Rule r;
        r.actions = split(parts[0], ',');
        r.counted = parts.size() == 8 ? split(parts[7], ',') : r.actions;
        r.key = oneOf<Key>({{"ip", Key::Ip},
                            {"email", Key::Email},
                            {"ip_email", Key::IpEmail},
                            {"session", Key::Session}},
                           parts[1], number);
        r.counts = oneOf<Counts>({{"check", Counts::Check},
                                  {"fail", Counts::Fail},
                                  {"distinct", Counts::Distinct},
                                  {"badlogin", Counts::BadLogin}},
                                 parts[2], number);
        r.everything = oneOf<bool>({{"ban", true}, {"block", false}}, parts[6], number);
        try {
            r.most = static_cast<unsigned>(std::stoul(parts[3]));
            r.window = std::stod(parts[4]);
            r.ban = std::stod(parts[5]);
        } catch (const std::logic_error&) {
            throw std::runtime_error("rules, line " + std::to_string(number) +
                                     ": columns 4 to 6 are numbers");
        }
        named_.insert(r.actions.begin(), r.actions.end());
        rules_.push_back(std::move(r));
    }
}

bool Rules::applies(const std::vector<std::string>& actions, std::string_view action) const {
    if (std::find(actions.begin(), actions.end(), action) != actions.end()) return true;
    return actions.front() == "default" && named_.find(action) == named_.end();
}

std::string Rules::keyOf(std::size_t rule, const Request& q) const {
    std::string out = std::to_string(rule) + "/";
    switch (rules_[rule].key) {
        case Key::Ip:
            return out.append(q.ip);
        case Key::Email:
            return q.email.empty() ? "" : out.append(q.email);
        case Key::IpEmail:
            return q.email.empty() ? "" : out.append(q.ip).append("/").append(q.email);
        case Key::Session:
            return q.session.empty() ? "" : out.append(q.session);
    }
    return {};
}

std::optional<double> Rules::check(const Request& q, double now) {
    double wait = 0;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (!rules_[i].everything && !applies(rules_[i].actions, q.action)) continue;
        const auto at = bans_.find(keyOf(i, q));
        if (at != bans_.end() && at->second > now) wait = std::max(wait, at->second - now);
    }
    // Whoever is banned is turned away before anything is counted.
    if (wait > 0) return wait;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const auto& r = rules_[i];
        const bool counts_here = r.counts == Counts::Check || r.counts == Counts::Distinct;
        if (!counts_here || !applies(r.counted, q.action)) continue;
        if (count(i, q, 1, now)) wait = std::max(wait, r.ban);
    }
    return wait > 0 ? std::optional(wait) : std::nullopt;
}

void Rules::came(const Request& q, Came how, double now) {
    if (how == Came::Well) return;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const auto& r = rules_[i];
        if (r.counts == Counts::Fail && applies(r.counted, q.action)) count(i, q, 1, now);
        if (r.counts == Counts::BadLogin && q.action == "login")
            count(i, q, how == Came::Unknown ? 2 : 1, now);
    }
}

bool Rules::count(std::size_t rule, const Request& q, unsigned weight, double now) {
    const auto key = keyOf(rule, q);
    if (key.empty()) return false;
    const auto& r = rules_[rule];
    auto& c = counters_[key];
    c.last = now;
    const auto past = [&](const auto& mark) { return now - mark.first >= r.window; };
    if (!sliding_ && !c.marks.empty() && past(c.marks.front())) {
        c.marks.clear();
        c.weights.clear();
    }
    while (sliding_ && !c.marks.empty() && past(c.marks.front())) {
        c.marks.pop_front();
        c.weights.pop_front();
    }
    const bool by_person = r.counts == Counts::Distinct || r.counts == Counts::BadLogin;
    const auto who = by_person ? std::hash<std::string_view>{}(q.email) : 0;
    const bool again = by_person && std::any_of(c.marks.begin(), c.marks.end(),
                                                [&](const auto& m) { return m.second == who; });
    if (!again) {
        c.marks.emplace_back(now, who);
        c.weights.push_back(weight);
    }
    if (std::accumulate(c.weights.begin(), c.weights.end(), 0U) <= r.most) return false;
    bans_[key] = now + r.ban;
    counters_.erase(key);
    return true;
}

void Rules::expire(double now) {
    double longest = 0;
    for (const auto& r : rules_) longest = std::max(longest, r.window);
    std::erase_if(counters_, [&](const auto& c) { return now - c.second.last > longest; });
    std::erase_if(bans_, [&](const auto& b) { return b.second <= now; });
}

}  // namespace persona::abuse
