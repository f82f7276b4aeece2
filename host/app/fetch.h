#pragma once

#include <string>

#include "host/net/engine.h"

namespace persona::host::app {

/// GET of a URL from a command that serves nothing itself; certificates are verified against the
/// system's authorities and `trust`. Waits for the answer, 10 s at most. [control]
[[nodiscard]] net::ClientResult fetch(const net::TlsClientSettings& trust, const std::string& url);

}  // namespace persona::host::app
