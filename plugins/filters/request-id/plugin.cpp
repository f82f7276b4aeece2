#include <persona/sdk/filter.hpp>

#include <array>
#include <atomic>
#include <cstring>

/// Gives every request a name that stands in its log lines, goes to the upstream and comes back to
/// the client: taken from a proxy that is trusted, else made here.
namespace persona::filters {

class RequestId final : public sdk::Filter {
  public:
    struct Context {
        std::array<char, 64> id;
        std::size_t size = 0;
    };
    static std::vector<psn_option> options() {
        return {
            sdk::option("header", PSN_OPT_STRING, "X-Request-Id", "field in which ids travel"),
            sdk::option("accept", PSN_OPT_ENUM, "proxies",
                        "whose ids are taken over: nobody's, trusted proxies', everybody's", 0, 0,
                        0, "never|proxies|always"),
            sdk::option("respond", PSN_OPT_BOOL, "true", "tell the client the id of its request")};
    }

    RequestId(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          header_(config.str("header")),
          accept_(config.str("accept")),
          respond_(config.flag("respond")) {
        if (header_.empty()) throw std::runtime_error("header: expected the name of a field");
        for (const char x : header_)
            if (static_cast<unsigned char>(x) <= 0x20 || x == ':' || x == 0x7f)
                throw std::runtime_error("header: expected the name of a field, got \"" + header_ +
                                         "\"");
        const auto random = host.random(sizeof seed_ + sizeof process_);
        std::memcpy(&seed_, random.data(), sizeof seed_);
        std::memcpy(&process_, random.data() + sizeof seed_, sizeof process_);
    }

    sdk::Flow onRequestHeaders(Context& c, const sdk::FilterStream& s) {
        const auto given = s.header(header_);
        const bool take = isId(given) && mayTake(s);
        if (take) {
            std::memcpy(c.id.data(), given.data(), given.size());
            c.size = given.size();
        } else {
            make(c);
        }
        const std::string_view id(c.id.data(), c.size);
        s.setRequestId(id);
        if (!take) s.setHeader(header_, id);
        return sdk::Flow::Continue;
    }

    sdk::Flow onResponseHeaders(Context& c, const sdk::FilterStream& s) {
        if (respond_) s.setResponseHeader(header_, {c.id.data(), c.size});
        return sdk::Flow::Continue;
    }

  private:
    static bool isId(std::string_view id) {
        if (id.empty() || id.size() > 64) return false;
        for (const char x : id)
            if (!((x >= 'A' && x <= 'Z') || (x >= 'a' && x <= 'z') || (x >= '0' && x <= '9') ||
                  x == '_' || x == '-'))
                return false;
        return true;
    }
    [[nodiscard]] bool mayTake(const sdk::FilterStream& s) const {
        if (accept_ == "always") return true;
        if (accept_ == "never") return false;
        // The host believes forwarded addresses of trusted proxies alone: where the two differ, one
        // stood in between.
        const auto& r = s.request();
        return sdk::view(r.client_address) != sdk::view(r.peer_address);
    }
    /// Unique, not secret: which process, and a count that is scrambled so that it tells nobody how
    /// many requests there are.
    void make(Context& c) {
        static constexpr char kHex[] = "0123456789abcdef";
        std::uint64_t x = seed_ + count_.fetch_add(1, std::memory_order_relaxed) * kGolden;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        x ^= x >> 31;
        c.size = 24;
        for (std::size_t i = 0; i < 8; ++i) c.id[i] = kHex[process_ >> (28 - 4 * i) & 15U];
        for (std::size_t i = 0; i < 16; ++i) c.id[8 + i] = kHex[x >> (60 - 4 * i) & 15U];
    }
    static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
    const std::string header_, accept_;
    const bool respond_;
    std::uint64_t seed_ = 0;
    std::uint32_t process_ = 0;
    std::atomic<std::uint64_t> count_{0};
};

}  // namespace persona::filters

PSN_FILTER_PLUGIN(
    persona::filters::RequestId,
    R"({"id":"request-id","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-filter"],"sdk":"1.0"})")
