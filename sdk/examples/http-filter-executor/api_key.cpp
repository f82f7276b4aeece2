#include <fstream>
#include <persona/sdk/filter.hpp>

namespace sdk = persona::sdk;

namespace {

/// Takes as long for every text of that length.
bool same(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned char differs = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        differs = static_cast<unsigned char>(differs | (a[i] ^ b[i]));
    return differs == 0;
}

}  // namespace

/// Asks for a key under one path. The keys stand in a file, a line each, which is read anew for
/// every request: a key counts, and ceases to, at once. Reading blocks, so the request is paused
/// and the executor reads.
class ApiKey final : public sdk::Filter {
  public:
    struct Context {};

    static std::vector<psn_option> options() {
        return {sdk::option("path", PSN_OPT_STRING, "/api/", "what the paths begin with"),
                sdk::option("file", PSN_OPT_STRING, "", "the keys, one a line", PSN_OPT_REQUIRED),
                sdk::option("executor", PSN_OPT_STRING, "", "where the file is read")};
    }

    ApiKey(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          path_(config.str("path")),
          file_(config.str("file")),
          executor_(config.str("executor")),
          refused_(host.counter("refused")) {}

    void selfCheck() override {
        if (!std::ifstream(file_)) throw std::runtime_error("file: " + file_ + " cannot be read");
    }

    sdk::Flow onRequestHeaders(Context&, const sdk::FilterStream& stream) {
        if (stream.path().substr(0, path_.size()) != path_) return sdk::Flow::Continue;
        // The token may go to another thread, the stream may not; what is needed is copied.
        const auto token = stream.pause();
        const auto taken = host.submit(
            executor_, [this, token, key = std::string(stream.header("x-api-key"))](bool late) {
                // A token whose request has gone, or waited too long, names nothing any more.
                late ? token.fail() : decide(token, key);
            });
        if (taken == PSN_OK) return sdk::Flow::Pause;
        stream.reply(503, {{"Content-Type", "text/plain"}, {"Retry-After", "1"}}, "busy\n");
        return sdk::Flow::Reply;
    }

  private:
    /// [executor]
    psn_rc decide(const sdk::PauseToken& token, const std::string& key) const {
        std::ifstream in(file_);
        if (!in) {
            host.error("file: " + file_ + " cannot be read");
            return token.fail();
        }
        bool known = false;
        for (std::string line; std::getline(in, line);)
            known = (!line.empty() && same(line, key)) || known;
        if (known) return token.resume();
        refused_.add();
        return token.reply(401, {{"Content-Type", "text/plain"}}, "X-Api-Key is wrong\n");
    }

    const std::string path_, file_, executor_;
    const sdk::Metric refused_;
};

PSN_FILTER_PLUGIN(
    ApiKey,
    R"({"id":"api-key","version":"1.0.0","vendor":"Persona","maturity":"stable","kinds":["http-filter"]})")
