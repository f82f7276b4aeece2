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
    Harness h(argv[1], "header: X-Mark\nvalue: seen\nclosed_path: /private");
    persona::testing::Script request;
    request.target = "/open";
    request.upstream_body = {"hello"};
    auto answer = h.run(request);
    expect(answer.status == 200 && answer.response_body == "hello", "requests pass");
    expect(answer.response_headers.size() == 1 && answer.response_headers[0].first == "X-Mark" &&
               answer.response_headers[0].second == "seen",
           "answers are marked");
    expect(answer.fault.empty(), "and the contract is kept");
    request.target = "/private?x";
    answer = h.run(request);
    expect(answer.status == 403 && answer.local_reply == "filter", "the closed path is closed");
    expect(h.metric("refused") == 1, "refusals are counted");
    return failures == 0 ? 0 : 1;
}
