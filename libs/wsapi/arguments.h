#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libs/protocol/json.h"
#include "libs/protocol/result.h"
#include "libs/wsapi/endpoints.h"

namespace persona::wsapi {

/// Checks one value as wsapi.md 3.4 has it, with strict JSON types (W2). Empty: it fits. Else the
/// text after "<name>: ".
[[nodiscard]] std::string checkType(Type type, const protocol::Json& value);

/// Length in UTF-16 units; empty when `text` is not UTF-8.
[[nodiscard]] std::optional<std::size_t> utf16Length(std::string_view text);

/// The parameters of a request: of the query for GET, else of a JSON or form body. Other media
/// types give an object without members. Not ok: the body or query is malformed (W10).
[[nodiscard]] Result<protocol::Json> readParameters(std::string_view method, std::string_view query,
                                                    std::string_view content_type,
                                                    std::string_view body);

/// Declared arguments in their order, then left-over ones; "csrf" is always allowed. Empty: all
/// fit. Else the reason.
[[nodiscard]] std::string checkArguments(const Endpoint& endpoint,
                                         const protocol::Json& parameters);

/// Account ids are numbers from 1 to 2^53-1.
[[nodiscard]] std::optional<std::int64_t> accountId(const protocol::Json& value);

}  // namespace persona::wsapi
