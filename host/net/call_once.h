#pragma once

#include <string>

#include "host/net/engine.h"

namespace persona::host::net {

/// One request from a program that serves nothing itself, on an engine that lives for it alone;
/// waits for the answer, the request's deadline at most. `settings` say whom to trust and which
/// upstreams there are; `upstream`, when not empty, is the one of them that is asked, instead of
/// the request's URL. Blocks: not on a loop.
[[nodiscard]] ClientResult callOnce(EngineSettings settings, ClientRequest request,
                                    const std::string& upstream = "");

}  // namespace persona::host::net
