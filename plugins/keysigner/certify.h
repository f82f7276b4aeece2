#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libs/domainkey/key_store.h"
#include "libs/domainkey/public_keys.h"

namespace persona::keysigner {

struct CertifyOptions {
    std::string issuer;  ///< host of public_url
    std::vector<std::string> forcible_issuers;
    std::int64_t certificate_validity_ms = 86'400'000, ephemeral_session_duration_ms = 3'600'000;
    std::int64_t iat_backdate_ms = 0;
    protocol::KeyOptions keys;
};

struct CertifyAnswer {
    unsigned status = 200;
    bool json = false;  ///< else text/plain
    std::string body;
    std::string trouble{};  ///< of 500: why the key did not sign, for the log
};

/// POST /wsapi/cert_key of the keysigner (protocol.md section 2), from the body's octets.
/// `published`: other keys of the domain, which are not certified either (KEY-8).
[[nodiscard]] CertifyAnswer certify(std::string_view content_type, std::string_view body,
                                    const domainkey::DomainKey& key, const CertifyOptions& options,
                                    std::int64_t now_ms,
                                    const domainkey::PublicKeys* published = nullptr);

}  // namespace persona::keysigner
