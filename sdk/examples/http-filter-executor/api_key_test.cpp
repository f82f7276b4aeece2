#include <cstdio>
#include <persona/testing/harness.hpp>

using persona::testing::Harness;

static int failures = 0;
static void expect(bool ok, const char* what) {
    if (ok) return;
    ++failures;
    std::printf("FAILED: %s\n", what);
}

static persona::testing::Script get(const std::string& key) {
    persona::testing::Script request;
    request.target = "/api/things";
    request.headers = {{"X-Api-Key", key}};
    request.upstream_body = {"things"};
    return request;
}

int main(int, char** argv) {
    Harness h(argv[1], std::string("file: ") + argv[2]);
    auto answer = h.run(get("another-example-key"));
    expect(answer.status == 200 && answer.response_body == "things", "who has a key may pass");
    expect(answer.fault.empty(), "and the contract is kept");
    for (const char* wrong : {"", "another-example-kex", "another"})
        expect(h.run(get(wrong)).status == 401, "nobody else may");
    expect(h.metric("refused") == 3, "refusals are counted");
    auto open = get("");
    open.target = "/open";
    expect(h.run(open).status == 200, "other paths are open");

    auto running = h.open(get("another-example-key"));
    running.cancel();
    expect(running.outcome().fault.empty(), "a client that goes away meanwhile does no harm");
    running = h.open(get("another-example-key"));
    if (running.isPaused()) running.passPauseDeadline(false);
    expect(running.finish() && running.outcome().completed, "nor does one resume too late");

    Harness broken(argv[1], "file: /nonexistent");
    expect(broken.run(get("")).status == 503, "a file that is away is a fault: on_error decides");
    return failures == 0 ? 0 : 1;
}
