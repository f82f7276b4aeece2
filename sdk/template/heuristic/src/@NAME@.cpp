#include <persona/sdk/heuristic.hpp>

#include <cstring>

namespace sdk = persona::sdk;

/// Throttles an address that sends more than `limit` requests within `window`.
class @CLASS@ final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        return {sdk::option("window", PSN_OPT_DURATION, "10s", "length of the window", 0, 1'000, 3'600'000),
                sdk::option("limit", PSN_OPT_INT, "40", "requests of one address in a window", 0, 1, 1'000'000)};
    }

    @CLASS@(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          window_ms_(static_cast<std::uint32_t>(config.num("window"))),
          limit_(static_cast<std::uint64_t>(config.num("limit"))) {
        // The host owns the table: it outlives this instance, so a swap forgets nothing.
        const psn_counter_spec spec{sizeof spec, 65'536, window_ms_, window_ms_ * 2};
        char why[256];
        psn_err err{why, sizeof why, 0};
        if (host.counters().open(h, sdk::abi("@NAME@.seen"), &spec, &seen_, &err) != PSN_OK)
            throw std::runtime_error(std::string(why, err.len));
    }

    sdk::Verdict evaluate(const sdk::Facts& facts) override {
        const auto prefix = facts.prefixKey(0);
        char key[sizeof prefix];
        std::memcpy(key, &prefix, sizeof key);
        psn_counter_value value{};
        if (host.counters().add(seen_, {key, sizeof key}, 1, facts.nowNs(), &value) != PSN_OK)
            return sdk::Verdict::abstain();
        return value.count > limit_ ? sdk::Verdict::throttle(window_ms_, "@NAME@-rate")
                                    : sdk::Verdict::abstain();
    }

  private:
    const std::uint32_t window_ms_;
    const std::uint64_t limit_;
    psn_counter_table* seen_ = nullptr;
};

PSN_HEURISTIC_PLUGIN(
    @CLASS@,
    R"({"id":"@NAME@","version":"0.1.0","vendor":"you","maturity":"beta","kinds":["heuristic"],"sdk":"@SDK@"})")
