#pragma once

#include "libs/protocol/json.h"
#include "libs/protocol/key.h"

namespace persona::conformance {

/// A private key from its JSON form (legacy or 2012.08.15), as vectors have it. Such keys are
/// public by nature: nothing outside tests reads private keys in this form.
[[nodiscard]] Result<protocol::SecretKey> secretKeyOf(const protocol::Json& object);

}  // namespace persona::conformance
