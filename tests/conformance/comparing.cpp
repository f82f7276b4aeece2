#include "tests/conformance/vectors.h"

namespace persona::conformance {

void compareVerdict(Report& report, const Json& got, const Json& expect, protocol::Api api) {
    const auto& status = at(got, "status").text();
    const auto& reason = at(got, "reason").text();
    report.equal(
        status +
            (reason.empty() || status == at(expect, "status").text() ? "" : " (" + reason + ")"),
        at(expect, "status").text(), "status");
    if (status != at(expect, "status").text()) return;
    if (status == "failure") {
        report.check(reasonFits(reason, expect), "reason: wanted \"" + at(expect, "reason").text() +
                                                     "\", got \"" + reason + "\"");
        return;
    }
    for (const auto* member : {"email", "unverified-email", "issuer", "expires", "audience"})
        report.equal(at(got, member), at(expect, member), member);
    for (const auto* member : {"idpClaims", "userClaims"})
        report.equal(at(got, member), api == protocol::Api::V2 ? at(expect, member) : Json(),
                     member);
}

}  // namespace persona::conformance
