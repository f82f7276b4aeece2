#pragma once

/* Instantiates the wrappers in whichever C++ includes it: templates alone would hide a mistake. */
#include <persona/sdk/filter.hpp>
#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/service.hpp>

// NOLINTNEXTLINE(cert-dcl59-cpp): each standard that includes it has classes of its own
namespace {

struct EmptyFilter : persona::sdk::Filter {
    using Filter::Filter;
    static std::vector<psn_option> options() { return {}; }
};

struct FullFilter : persona::sdk::Filter {
    struct Context {
        int seen = 0;
    };
    using Filter::Filter;
    static std::vector<psn_option> options() { return {}; }
    using Flow = persona::sdk::Flow;
    using Stream = persona::sdk::FilterStream;
    Flow onRequestHeaders(Context& c, const Stream& s) {
        ++c.seen;
        return s.pause() ? Flow::Pause : Flow::Fail;
    }
    Flow onRequestBody(Context&, const Stream&, std::string_view, bool) { return Flow::Continue; }
    Flow onResponseHeaders(Context&, const Stream& s) {
        s.setResponseHeader("X-Seen", s.header("x-seen"));
        return s.reply(200, {{"A", "b"}}, "") == PSN_OK ? Flow::Reply : Flow::Continue;
    }
    Flow onResponseBody(Context&, const Stream&, std::string_view, bool) { return Flow::Continue; }
    void onComplete(Context&, const Stream&, const psn_summary&) {}
};

struct SomeHeuristic : persona::sdk::Heuristic {
    using Heuristic::Heuristic;
    static std::vector<psn_option> options() { return {}; }
    persona::sdk::Verdict evaluate(const persona::sdk::Facts& f) override {
        return f.header("cookie").empty() ? persona::sdk::Verdict::tag(10, "no-cookie")
                                          : persona::sdk::Verdict::abstain();
    }
};

[[maybe_unused]] bool wrappersWork() {
    const auto* empty = static_cast<const psn_http_filter_factory*>(
        persona::sdk::FilterFactory<EmptyFilter>::get(persona::sdk::abi(PSN_HTTP_FILTER_ID)));
    const auto* full = static_cast<const psn_http_filter_factory*>(
        persona::sdk::FilterFactory<FullFilter>::get(persona::sdk::abi(PSN_HTTP_FILTER_ID)));
    // What a class does not hide is not in its table, so the host makes no call for it.
    return empty != nullptr && full != nullptr && empty->on_request_headers == nullptr &&
           empty->on_response_body == nullptr && full->on_request_headers != nullptr &&
           full->on_request_body != nullptr && full->on_response_headers != nullptr &&
           full->on_response_body != nullptr &&
           persona::sdk::HeuristicFactory<SomeHeuristic>::get(
               persona::sdk::abi(PSN_HEURISTIC_ID)) != nullptr;
}

}  // namespace
