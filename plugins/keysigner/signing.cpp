#include "plugins/keysigner/signing.h"

namespace persona::keysigner {

CertifyAnswer Signing::certify(std::string_view content_type, std::string_view body,
                               const CertifyOptions& options, std::int64_t now_ms) {
    const auto key = ring_.current();
    const auto ask = [&](const domainkey::DomainKey& with) {
        return keysigner::certify(content_type, body, with, options, now_ms,
                                  ring_.published().get());
    };
    auto answer = ask(*key);
    // A token destroys a key when the next one takes its place, under a call that has it too.
    if (answer.status == 500)
        if (const auto now = ring_.current(); now != key) answer = ask(*now);
    if (answer.status == 500)
        ++failures_;
    else if (answer.status == 200 && failures_ != 0)
        failures_ = 0;
    return answer;
}

std::string Signing::trouble() {
    if (failures_ < kFailures) return "";
    // Who asks for the health may keep callers away, so the next success may have to be this one.
    const auto signature = ring_.current()->signer->sign("heartbeat");
    if (!signature)
        return "the domain key does not sign: " + signature.error() +
               "; see to its token, then restart keysigner, which logs in again";
    failures_ = 0;
    return "";
}

}  // namespace persona::keysigner
