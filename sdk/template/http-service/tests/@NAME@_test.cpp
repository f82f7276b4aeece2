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
    Harness h(argv[1], "greeting: Good day");
    persona::testing::Script request;
    request.target = "/@NAME@";
    const auto answer = h.run(request);
    expect(answer.status == 200, "GET /@NAME@ answers 200");
    expect(answer.response_body == "Good day from @NAME@\n", "the greeting comes from the options");
    expect(h.metric("served") == 1, "requests are counted");
    request.target = "/other";
    expect(h.run(request).status == 404, "other paths are not served");
    return failures == 0 ? 0 : 1;
}
