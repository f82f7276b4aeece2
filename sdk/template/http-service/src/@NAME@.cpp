#include <persona/sdk/service.hpp>

/// Answers GET /@NAME@ with a greeting.
class @CLASS@ final : public persona::sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {persona::sdk::option("greeting", PSN_OPT_STRING, "Hello", "first words of the answer")};
    }

    @CLASS@(const psn_host* h, const psn_config* c)
        : Service(h, c), greeting_(config.str("greeting")), served_(host.counter("served")) {
        route("GET", "/@NAME@", "greet", {}, [this](const persona::sdk::Stream& stream) {
            served_.add();
            stream.text(200, greeting_ + " from @NAME@\n");
        });
    }

  private:
    const std::string greeting_;
    const persona::sdk::Metric served_;
};

PSN_SERVICE_PLUGIN(
    @CLASS@,
    R"({"id":"@NAME@","version":"0.1.0","vendor":"you","maturity":"beta","kinds":["http-service"],"sdk":"@SDK@"})")
