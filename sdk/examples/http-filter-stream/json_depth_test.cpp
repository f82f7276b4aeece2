#include <cstdio>
#include <persona/testing/harness.hpp>

using persona::testing::Harness;

static int failures = 0;
static void expect(bool ok, const char* what) {
    if (ok) return;
    ++failures;
    std::printf("FAILED: %s\n", what);
}

static persona::testing::Script post(std::vector<std::string> pieces) {
    persona::testing::Script request;
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
    request.body = std::move(pieces);
    return request;
}

int main(int, char** argv) {
    Harness h(argv[1], "limit: 2");
    auto answer = h.run(post({"{\"a\":[1,2],", "\"b\":[3]}"}));
    expect(answer.status == 200 && answer.request_body == "{\"a\":[1,2],\"b\":[3]}",
           "two levels pass, unchanged");
    answer = h.run(post({"{\"a\":", "[", "[1]]}"}));
    expect(answer.status == 400 && answer.local_reply == "filter",
           "the third level is seen across pieces");
    expect(answer.fault.empty(), "and the contract is kept");
    expect(h.run(post({"{\"a\":\"[[[", "\\\"[[\"}"})).status == 200, "texts do not count");
    auto other = post({"[[[[]]]]"});
    other.headers = {{"Content-Type", "text/plain"}};
    expect(h.run(other).status == 200, "nor do other types");
    expect(h.metric("refused") == 1, "refusals are counted");
    return failures == 0 ? 0 : 1;
}
