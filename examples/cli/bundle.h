#pragma once

#include <cstdint>
#include <string>

#include "libs/protocol/key.h"

namespace persona::cli {

/// What to spoil, so that the service's checks can be seen at work.
enum class Tamper { Nothing, Certificate, Assertion };

/// "rs256", "rs128", "ds128", "ds256", "es256". Throws Failure (Usage).
[[nodiscard]] protocol::Algorithm algorithmOf(const std::string& name);

/// An assertion for `audience` under `key`, behind its certificate (protocol.md 1.4).
[[nodiscard]] std::string makeBundle(const std::string& certificate, const protocol::Signer& key,
                                     const std::string& audience, std::int64_t expires_ms);
/// The bundle with the payload of one of its tokens changed, its signature kept: another address in
/// the certificate, another audience in the assertion.
[[nodiscard]] std::string tamper(const std::string& bundle, Tamper what);

}  // namespace persona::cli
