#pragma once

#include <algorithm>
#include <array>
#include <persona/sdk/host.hpp>
#include <stdexcept>
#include <string>

#include "libs/abuse/crowd.h"

namespace persona::antiabuse {

/// What a detector has learned, in a table of the host, so that the instance after a swap or a
/// restart begins with it. [control]
class KeptCrowd {
  public:
    KeptCrowd(const sdk::Host& host, std::string_view table) : host_(host) {
        char text[256];
        psn_err err{text, sizeof text, 0};
        const psn_counter_spec spec{sizeof spec, 64, 0, 0};
        if (host.counters().open(host.raw(), sdk::abi(table), &spec, &table_, &err) != PSN_OK)
            throw std::runtime_error(std::string(table) + ": " + std::string(text, err.len));
    }

    /// Rates in thousandths, times in seconds.
    void keep(const abuse::Crowd& crowd) const {
        put("usual", static_cast<std::uint32_t>(crowd.usual.value() * 1'000));
        put("successes", static_cast<std::uint32_t>(crowd.successes.value() * 1'000));
        put("weight", static_cast<std::uint32_t>(crowd.usual.weight()));
        put("until", crowd.until());
    }
    /// `latest`: until when an alarm may last that begins now; the clock of before a restart of the
    /// machine was another one.
    void restore(abuse::Crowd& crowd, std::uint32_t latest) const {
        crowd.usual.restore(get("usual") / 1'000.0, get("weight"));
        crowd.successes.restore(get("successes") / 1'000.0, get("weight"));
        crowd.restore(std::min(get("until"), latest));
    }

  private:
    void put(std::string_view name, std::uint32_t value) const {
        host_.counters().set_flag(table_, sdk::abi(name), value, host_.monotonicNs());
    }
    [[nodiscard]] std::uint32_t get(std::string_view name) const {
        psn_counter_value v{};
        return host_.counters().get(table_, sdk::abi(name), host_.monotonicNs(), &v) == PSN_OK
                   ? v.flag
                   : 0;
    }
    const sdk::Host& host_;
    psn_counter_table* table_ = nullptr;
};

}  // namespace persona::antiabuse
