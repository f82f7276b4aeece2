#include <persona/sdk/heuristic.hpp>

#include <chrono>
#include <cstdlib>
#include <thread>

#ifndef SAMPLE_VERSION
#define SAMPLE_VERSION "1"
#endif

/// A heuristic for tests: does what the field X-Judge says, and with `beat` counts by itself.
namespace {

namespace sdk = persona::sdk;

class Sample final : public sdk::Heuristic {
  public:
    using Heuristic::Heuristic;
    static std::vector<psn_option> options() {
        return {
            sdk::option("weight", PSN_OPT_INT, "10", "of its verdict", 0, 0, 1000),
            sdk::option("beat", PSN_OPT_INT, "0", "ms between two of them; 0: none", 0, 0, 10'000)};
    }
    void activate() override {
        const auto ms = static_cast<std::uint64_t>(config.num("beat"));
        if (ms == 0) return;
        const psn_counter_spec spec{sizeof spec, 64, 0, 0};
        ran_ = host.gauge("ran_" SAMPLE_VERSION);
        written_ = host.gauge("written_" SAMPLE_VERSION);
        std::uint64_t timer = 0;
        if (host.counters().open(host.raw(), sdk::abi("sample.beats"), &spec, &beats_, nullptr) !=
                PSN_OK ||
            host.timers().start(
                host.raw(), ms, ms, [](void* self) { static_cast<Sample*>(self)->beat(); }, this,
                &timer) != PSN_OK)
            throw std::runtime_error("no table or no timer to be had");
    }
    sdk::Verdict evaluate(const sdk::Facts& facts) override {
        const auto what = facts.header("x-judge");
        if (what == "throw") throw std::runtime_error("told to throw");
        if (what == "range") return sdk::Verdict::tag(5000, "out-of-range");
        if (what == "slow") std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (what == "deny") return sdk::Verdict::deny("told-to");
        if (what == "strangers" && facts.priority() >= 3) return sdk::Verdict::deny("told-to");
        if (what == "drop") return sdk::Verdict::drop("told-to");
        if (what == "shed") return sdk::Verdict::shed(8'000, "told-to");
        if (what == "throttle") return sdk::Verdict::throttle(8'000, "told-to").of(7, 8, 60'000);
        if (what == "heavy") return sdk::Verdict::tag(100, "told-to");
        return sdk::Verdict::tag(static_cast<std::uint32_t>(config.num("weight")), "sample");
    }

  private:
    void beat() {
        const auto key = sdk::abi(SAMPLE_VERSION);
        const auto now = host.monotonicNs();
        psn_counter_value v{};
        host.counters().add(beats_, key, 1, now, nullptr);
        host.counters().get(beats_, key, now, &v);
        ran_.set(++beaten_);
        written_.set(static_cast<std::int64_t>(v.count));
    }
    psn_counter_table* beats_ = nullptr;
    sdk::Metric ran_, written_;
    std::int64_t beaten_ = 0;
};

}  // namespace

PSN_HEURISTIC_PLUGIN(Sample, R"({"id":"sample-heuristic","version":")" SAMPLE_VERSION
                             R"(","vendor":"tests","maturity":"stable","kinds":["heuristic"]})")
