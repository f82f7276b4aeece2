#include <persona/sdk/filter.hpp>

namespace sdk = persona::sdk;

namespace {

/// How deep JSON is nested, octet by octet: all that it remembers are three numbers.
class Depth {
  public:
    /// The deepest level within `piece`, which goes on where the piece before ended.
    std::int64_t deepest(std::string_view piece) {
        auto most = depth_;
        for (const char c : piece) {
            if (escaped_) {
                escaped_ = false;
            } else if (in_text_) {
                escaped_ = c == '\\';
                in_text_ = c != '"';
            } else if (c == '"') {
                in_text_ = true;
            } else if (c == '{' || c == '[') {
                most = std::max(most, ++depth_);
            } else if (c == '}' || c == ']') {
                --depth_;
            }
        }
        return most;
    }

  private:
    std::int64_t depth_ = 0;
    bool in_text_ = false, escaped_ = false;
};

}  // namespace

/// Refuses JSON that is nested too deeply, before whatever stands behind tries to parse it. A body
/// is passed on piece by piece: one that is refused may have reached the upstream in part, which
/// then sees it break off.
class JsonDepth final : public sdk::Filter {
  public:
    struct Context {
        bool json = false;
        Depth depth;
    };

    static std::vector<psn_option> options() {
        return {sdk::option("limit", PSN_OPT_INT, "32", "levels that are taken", 0, 1, 10'000)};
    }

    JsonDepth(const psn_host* h, const psn_config* c)
        : Filter(h, c), limit_(config.num("limit")), refused_(host.counter("refused")) {}

    psn_filter_body bodies() override {
        return {PSN_FILTER_BODY_STREAM, PSN_FILTER_BODY_NONE, 0, 0};
    }

    sdk::Flow onRequestHeaders(Context& context, const sdk::FilterStream& stream) {
        context.json = stream.header("content-type").substr(0, 16) == "application/json";
        return sdk::Flow::Continue;
    }

    sdk::Flow onRequestBody(Context& context, const sdk::FilterStream& stream,
                            std::string_view piece, bool /*end*/) {
        if (!context.json || context.depth.deepest(piece) <= limit_) return sdk::Flow::Continue;
        refused_.add();
        stream.reply(400, {{"Content-Type", "text/plain"}}, "JSON is nested too deeply\n");
        return sdk::Flow::Reply;
    }

  private:
    const std::int64_t limit_;
    const sdk::Metric refused_;
};

PSN_FILTER_PLUGIN(
    JsonDepth,
    R"({"id":"json-depth","version":"1.0.0","vendor":"Persona","maturity":"stable","kinds":["http-filter"]})")
