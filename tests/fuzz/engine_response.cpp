#include <vector>

#include "tests/fuzz/engine.h"
#include "tests/host/net/answers.h"

namespace persona::fuzz {
namespace {

/// An upstream that answers "GET /good" soundly, and all else with the octets of the moment, after
/// which it closes.
class Upstream final : public Actor {
  public:
    explicit Upstream(const std::string& path) : listener_(socketAt(path, true)) {
        ::fcntl(listener_.get(), F_SETFL, O_NONBLOCK);
    }
    void say(std::string_view text, std::size_t split) {
        text_ = text;
        split_ = split;
    }
    void turn() override {
        net::Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (fd.valid()) wires_.push_back({std::make_unique<Wire>(std::move(fd)), false});
        std::erase_if(wires_, [this](Served& s) { return !serve(s); });
    }

  private:
    struct Served {
        std::unique_ptr<Wire> wire;
        bool last;  ///< closes when all is said
    };
    /// False: it is over.
    bool serve(Served& s) {
        auto& wire = *s.wire;
        wire.move();
        if (!wire.saidAll()) return !wire.ended;
        if (s.last) return false;
        wire.read();
        const auto end = wire.heard.find("\r\n\r\n");
        if (end == std::string::npos) return !wire.ended;
        const bool good = wire.heard.starts_with("GET /good ");
        const auto rest = wire.heard.substr(end + 4);
        auto next = std::make_unique<Wire>(net::Fd(::dup(wire.fd())));
        next->heard = rest;
        next->say(good ? kIntact : text_, good ? 0 : split_);
        s = {std::move(next), !good};
        s.wire->move();
        return true;
    }
    static constexpr std::string_view kIntact =
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nintact";
    net::Fd listener_;
    std::vector<Served> wires_;
    std::string_view text_;
    std::size_t split_ = 0;
};

constexpr std::string_view kBad = "GET /bad HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                           kGood = "GET /good HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

}  // namespace
}  // namespace persona::fuzz

/// An upstream's octets: whatever the client gets of them is a sound answer, and nothing of them is
/// taken for the answer to the next request. The first octet is as in engine_request.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using persona::fuzz::EngineAt, persona::fuzz::kBad, persona::fuzz::kGood;
    static const auto& kFolder = *new std::string(persona::fuzz::socketFolder());
    static auto& upstream = *new persona::fuzz::Upstream(kFolder + "/back");
    static auto& relay = *new EngineAt(kFolder, "front", kFolder + "/back");
    if (size == 0 || size > 32 * 1024) return 0;
    upstream.say(textOf(data + 1, size - 1), data[0] * 8U);
    const auto answer = relay.ask(kBad, 0, upstream);
    const auto wrong = persona::host::net::testing::checkAnswers(answer);
    if (!wrong.empty()) std::fprintf(stderr, "%s\n", wrong.c_str());
    PERSONA_REQUIRE(wrong.empty());
    // The upstream closes behind its octets; a request that meets a kept connection in that moment
    // gets one 502. What it never gets is another request's answer.
    auto next = relay.ask(kGood, 0, upstream);
    if (next.starts_with("HTTP/1.1 502 ")) next = relay.ask(kGood, 0, upstream);
    PERSONA_REQUIRE(next.starts_with("HTTP/1.1 200 ") && next.ends_with("\r\n\r\nintact"));
    return 0;
}
