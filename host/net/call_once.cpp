#include "host/net/call_once.h"

#include <future>

namespace persona::host::net {

namespace {

class Quiet final : public EngineObserver {
    void count(std::string_view) override {}
    void log(int, std::string_view) override {}
};

}  // namespace

ClientResult callOnce(EngineSettings settings, ClientRequest request, const std::string& upstream) {
    Quiet quiet;
    settings.loops = 1;
    Engine engine(settings, quiet);
    ClientResult failed;
    failed.error = ClientError::Unreachable;
    if (failed.detail = engine.start({}); !failed.detail.empty()) return failed;
    if (!upstream.empty()) request.upstream = engine.upstream(upstream);
    std::promise<ClientResult> answer;
    engine.send(std::move(request), [&](ClientResult r) { answer.set_value(std::move(r)); });
    auto result = answer.get_future().get();
    // Joins the loop, which may still be inside set_value().
    engine.stop();
    return result;
}

}  // namespace persona::host::net
