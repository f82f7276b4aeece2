#include "tests/fuzz/engine.h"
#include "tests/host/net/answers.h"

/// A client's octets, through a relay to a second engine that echoes bodies. The first octet says
/// after how many of them (times 8) the stream makes a pause; 0: it makes none. All that comes back
/// is sound, and the next request finds the upstream connection as it should be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::fuzz::EngineAt;
    static const auto& kFolder = *new std::string(persona::fuzz::socketFolder());
    static auto& back = *new EngineAt(kFolder, "back", "");
    static auto& relay = *new EngineAt(kFolder, "front", back.path);
    if (size == 0 || size > 32 * 1024) return 0;
    const auto requests = textOf(data + 1, size - 1);
    const auto answers = relay.ask(requests, data[0] * 8U, back);
    const bool heads = requests.find("HEAD ") != std::string_view::npos;
    const auto wrong = persona::host::net::testing::checkAnswers(answers, heads);
    if (!wrong.empty()) std::fprintf(stderr, "%s\n", wrong.c_str());
    PERSONA_REQUIRE(wrong.empty());
    const auto next = relay.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\nintact", 0,
        back);
    PERSONA_REQUIRE(next.starts_with("HTTP/1.1 200 ") && next.ends_with("\r\n\r\nintact"));
    return 0;
}
