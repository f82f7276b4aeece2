#pragma once

#include <persona/sdk/siphash.hpp>

namespace persona::host::tables {

/// Under which the tables hash their keys; of a process, kept beside its snapshot.
using Secret = sdk::SipSecret;

}  // namespace persona::host::tables
