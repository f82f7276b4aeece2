#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "host/admin/admin.h"

/// POST /heuristic: {"do":"load|diff|commit|abort","id":ID}, and for load "module", "options"
/// (YAML) and "shadow_ms".
namespace persona::host::admin {

void Admin::tryHeuristic(const net::ExchangePtr& exchange) {
    generation::Manager::Attempt attempt;
    std::string verb;
    try {
        const auto o = Poco::JSON::Parser()
                           .parse(std::string(exchange->body()))
                           .extract<Poco::JSON::Object::Ptr>();
        verb = o->getValue<std::string>("do");
        attempt.id = o->getValue<std::string>("id");
        attempt.module = o->optValue<std::string>("module", "");
        attempt.options = o->optValue<std::string>("options", "");
        attempt.shadow_ms = o->optValue<Poco::Int64>("shadow_ms", 0);
    } catch (const Poco::Exception&) {
        return answer(exchange, 400, "", errorText(R"(expected {"do":VERB,"id":ID})"));
    }
    const auto from = exchange->peer_uid < 0 ? std::string("the control socket")
                                             : "uid " + std::to_string(exchange->peer_uid);
    port_.on_control([this, exchange, verb, attempt, from] {
        auto& generations = port_.generations;
        std::string report, wrong;
        if (verb == "commit")
            return generations.commit(
                attempt.id, from, [this, exchange](const generation::Outcome& outcome) {
                    answer(exchange, outcome.ok ? 200 : 409, "", textOf(outcome, false));
                });
        if (verb == "load")
            wrong = generations.tryOut(attempt);
        else if (verb == "abort")
            wrong = generations.abort(attempt.id);
        else if (verb != "diff")
            return answer(exchange, 400, "", errorText("expected load, diff, commit or abort"));
        if (wrong.empty()) wrong = generations.diff(attempt.id, report);
        if (!wrong.empty()) return answer(exchange, 409, "", errorText(wrong));
        answer(exchange, 200, "", report + "\n");
    });
}

}  // namespace persona::host::admin
