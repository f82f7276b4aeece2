#pragma once

#include "host/generation/manager.h"
#include "host/generation/rehearsal.h"

namespace persona::host::generation {

struct Manager::Trial {
    std::vector<Waiting> batch;
    Fresh fresh;
    std::shared_ptr<Generation> next;
    Outcome outcome;
    bool dry_run = false;
    std::unique_ptr<Shadow> shadow;
    std::uint64_t timer = 0;
};

}  // namespace persona::host::generation
