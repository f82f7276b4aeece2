#include <persona/sdk/filter.hpp>

namespace sdk = persona::sdk;

/// Refuses requests to one path, and marks every answer with a header.
class @CLASS@ final : public sdk::Filter {
  public:
    struct Context {};  ///< what is kept for each request: nothing yet

    static std::vector<psn_option> options() {
        return {sdk::option("header", PSN_OPT_STRING, "X-Served-By", "name of the header on every answer"),
                sdk::option("value", PSN_OPT_STRING, "@NAME@", "its value"),
                sdk::option("closed_path", PSN_OPT_STRING, "/closed", "answered with 403")};
    }

    @CLASS@(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          header_(config.str("header")),
          value_(config.str("value")),
          closed_(config.str("closed_path")),
          refused_(host.counter("refused")) {}

    sdk::Flow onRequestHeaders(Context&, const sdk::FilterStream& stream) {
        if (stream.path() != closed_) return sdk::Flow::Continue;
        refused_.add();
        stream.reply(403, {{"Content-Type", "text/plain"}}, "closed\n");
        return sdk::Flow::Reply;
    }

    sdk::Flow onResponseHeaders(Context&, const sdk::FilterStream& stream) {
        stream.setResponseHeader(header_, value_);
        return sdk::Flow::Continue;
    }

  private:
    const std::string header_, value_, closed_;
    const sdk::Metric refused_;
};

PSN_FILTER_PLUGIN(
    @CLASS@,
    R"({"id":"@NAME@","version":"0.1.0","vendor":"you","maturity":"beta","kinds":["http-filter"],"sdk":"@SDK@"})")
