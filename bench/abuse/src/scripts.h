#pragma once

#include <string>
#include <vector>

#include "bench/abuse/src/jar.h"
#include "bench/abuse/src/world.h"

namespace persona::abuse {

enum class Variant : std::uint8_t { Plain, WrongPassword, Good, Bomb, Bust, ForgedWork, Discover };

struct Step {
    Route route = Route::Root;
    std::uint32_t think_ms = 0;  ///< before it
    Variant variant = Variant::Plain;
    bool needed = true;  ///< the activity fails with it
    bool login = false;  ///< it ends signed in when this says auth_ok
};

/// What an activity asks for, in order: a function of the record alone.
std::vector<Step> scriptOf(const Record& record);

/// The octets of one request: a function of record, step and what the service has handed out.
/// `work` is the value of BID-Work, or empty.
std::string requestOf(const Record& record, const Step& step, const Jar& jar, int port,
                      std::string_view work);

/// Ordinary people; everything else attacks.
inline bool isLegitimate(const Record& r) {
    return r.behaviour < 20;
}

}  // namespace persona::abuse
