#include <persona/sdk/heuristic.hpp>

#include <chrono>
#include <cstdlib>
#include <thread>

/// A heuristic for tests: does what the field X-Judge says.
namespace {

namespace sdk = persona::sdk;

class Sample final : public sdk::Heuristic {
  public:
    using Heuristic::Heuristic;
    static std::vector<psn_option> options() {
        return {sdk::option("weight", PSN_OPT_INT, "10", "of its verdict", 0, 0, 1000)};
    }
    sdk::Verdict evaluate(const sdk::Facts& facts) override {
        const auto what = facts.header("x-judge");
        if (what == "throw") throw std::runtime_error("told to throw");
        if (what == "range") return sdk::Verdict::tag(5000, "out-of-range");
        if (what == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (what == "deny") return sdk::Verdict::deny("told-to");
        if (what == "drop") return sdk::Verdict::drop("told-to");
        if (what == "shed") return sdk::Verdict::shed(8'000, "told-to");
        if (what == "throttle") return sdk::Verdict::throttle(8'000, "told-to").of(7, 8, 60'000);
        if (what == "heavy") return sdk::Verdict::tag(100, "told-to");
        return sdk::Verdict::tag(static_cast<std::uint32_t>(config.num("weight")), "sample");
    }
};

}  // namespace

#ifndef SAMPLE_VERSION
#define SAMPLE_VERSION "1"
#endif

PSN_HEURISTIC_PLUGIN(Sample, R"({"id":"sample-heuristic","version":")" SAMPLE_VERSION
                             R"(","vendor":"tests","maturity":"stable","kinds":["heuristic"]})")
