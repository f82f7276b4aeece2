#include <cstdio>
#include <persona/testing/harness.hpp>

using persona::testing::Harness;

static int failures = 0;
static void expect(bool ok, const char* what) {
    if (ok) return;
    ++failures;
    std::printf("FAILED: %s\n", what);
}

int main(int, char** argv) {
    Harness h(argv[1], "upstreams: [browserid, verifier]");
    persona::testing::Script request;
    request.target = "/status";
    h.answerCall(200, "ok");
    h.answerCall(200, "ok");
    auto answer = h.run(request);
    expect(answer.status == 200 && answer.response_body == "browserid: well\nverifier: well\n",
           "all are well");
    h.answerCall(503, "");
    answer = h.run(request);
    expect(answer.status == 503, "one is not");
    expect(answer.response_body.find("browserid: status 503\nverifier: does not answer") == 0,
           "and which, and why");
    expect(answer.fault.empty(), "the contract is kept");
    expect(h.metric("sick") == 1, "it is counted");
    return failures == 0 ? 0 : 1;
}
