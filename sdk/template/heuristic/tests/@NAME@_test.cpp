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
    Harness h(argv[1], "window: 10s\nlimit: 3");
    const auto from = [&](const char* address) {
        return h.facts().from(address).path("/wsapi/stage_user").evaluate();
    };
    for (int i = 0; i < 3; ++i)
        expect(from("203.0.113.7").kind == PSN_VERDICT_ABSTAIN, "three requests are within the limit");
    const auto fourth = from("203.0.113.7");
    expect(fourth.kind == PSN_VERDICT_THROTTLE, "the fourth is throttled");
    expect(fourth.reason == "@NAME@-rate", "and says why");
    expect(from("203.0.113.8").kind == PSN_VERDICT_ABSTAIN, "another address is not");
    h.clock().advance(std::chrono::seconds(21));
    expect(from("203.0.113.7").kind == PSN_VERDICT_ABSTAIN, "after the window all is forgiven");
    return failures == 0 ? 0 : 1;
}
