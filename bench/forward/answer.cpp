#include <persona/sdk/service.hpp>

namespace persona::bench {

/// Answers at once, on the loop, with a text of the size of a small API answer.
class Answer final : public sdk::Service {
  public:
    static std::vector<psn_option> options() { return {}; }
    Answer(const psn_host* h, const psn_config* c) : Service(h, c) {
        RouteOptions any;
        any.match = PSN_MATCH_PREFIX;
        route("", "/", "answer", any, [this](const sdk::Stream& s) {
            static constexpr psn_header kType{{"Content-Type", 12},
                                              {"application/json; charset=utf-8", 31}};
            const psn_response r{sizeof(psn_response), 200, &kType, 1, 0, sdk::abi(text_)};
            s.api().respond(s.raw(), &r);
        });
    }

  private:
    const std::string text_ = R"({"text":")" + std::string(199, 'a') + R"("})";
};

}  // namespace persona::bench

PSN_SERVICE_PLUGIN(
    persona::bench::Answer,
    R"({"id":"bench-answer","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
