#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "persona/testing/harness.hpp"

namespace persona::testing {

inline std::string pluginPath(const std::string& name) {
    return std::string(PERSONA_PLUGIN_DIR) + "/antiabuse/" + name + ".so";
}

/// An answer of a role with those words.
inline psn_outcome answered(std::initializer_list<std::uint32_t> codes) {
    psn_outcome o{};
    o.status = 200;
    o.flags = PSN_ENDED_ACTING;
    for (const auto c : codes) {
        if (o.code == 0) o.code = c;
        o.codes |= 1ULL << c;
    }
    return o;
}

/// Refused by the filter; by this heuristic when `own`.
inline psn_outcome refused(bool own = true) {
    psn_outcome o{};
    o.status = 429;
    o.flags = PSN_ENDED_ACTING | PSN_ENDED_REFUSED | (own ? PSN_ENDED_OWN : 0U);
    return o;
}

/// The client went before there was an answer.
inline psn_outcome unanswered() {
    psn_outcome o{};
    o.flags = PSN_ENDED_ACTING | PSN_ENDED_ABORTED;
    return o;
}

/// One request through one heuristic whose client hangs up once it has passed.
inline Verdict leave(const Facts& f) {
    auto v = f.evaluate();
    f.observe(v.kind >= PSN_VERDICT_CHALLENGE ? refused() : unanswered());
    return v;
}

/// One request through one heuristic: judged, and when it may pass, answered so.
inline Verdict pass(const Facts& f, std::initializer_list<std::uint32_t> codes) {
    auto v = f.evaluate();
    f.observe(v.kind >= PSN_VERDICT_CHALLENGE ? refused() : answered(codes));
    return v;
}

/// "throttle pair", "challenge account", "pass".
inline std::string said(const Verdict& v) {
    switch (v.kind) {
        case PSN_VERDICT_ABSTAIN:
            return "pass";
        case PSN_VERDICT_TAG:
            return "tag " + v.reason;
        case PSN_VERDICT_CHALLENGE:
            return (v.challenge_kind == PSN_CHALLENGE_MAIL ? "mail " : "challenge ") + v.reason;
        case PSN_VERDICT_THROTTLE:
            return "throttle " + v.reason;
        default:
            return "kind " + std::to_string(v.kind) + " " + v.reason;
    }
}

}  // namespace persona::testing
