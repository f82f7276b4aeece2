#include <persona/abi/ext/draft/heuristics.h>
#include <persona/sdk/filter.hpp>

/// A filter that asks every configured heuristic and shows what came of it in a response field.
namespace {

namespace sdk = persona::sdk;

class Judge final : public sdk::Filter {
  public:
    struct Context {
        std::string shown;
    };
    static std::vector<psn_option> options() { return {}; }
    Judge(const psn_host* h, const psn_config* c)
        : Filter(h, c),
          all_(static_cast<const psn_heuristics_api*>(
              h->get_extension(h, sdk::abi(PSN_HEURISTICS_ID)))) {
        if (all_ == nullptr) throw std::runtime_error("the host lacks " PSN_HEURISTICS_ID);
        psn_heuristic_info info{};
        for (std::uint32_t i = 0; i < all_->count(h); ++i)
            if (all_->describe(h, i, &info) != PSN_OK || info.id.n == 0 || info.hash.n != 64)
                throw std::runtime_error("a heuristic without a description");
        if (all_->describe(h, all_->count(h), &info) != PSN_NOT_FOUND)
            throw std::runtime_error("one heuristic too many");
    }
    sdk::Flow onRequestHeaders(Context& c, const sdk::FilterStream& s) {
        psn_facts facts{};
        facts.struct_size = sizeof facts;
        facts.method = s.request().method;
        facts.path = s.request().path;
        facts.now_ns = host.monotonicNs();
        facts.stream = s.raw();
        for (std::uint32_t i = 0; i < all_->count(host.raw()); ++i) {
            psn_verdict v{};
            const auto rc = all_->evaluate(host.raw(), i, &facts, &v);
            c.shown += std::to_string(rc) + "/" + std::to_string(v.kind) + "/" +
                       std::to_string(v.weight) + "/" + sdk::text(v.reason) + " ";
        }
        return sdk::Flow::Continue;
    }
    sdk::Flow onResponseHeaders(Context& c, const sdk::FilterStream& s) {
        s.setResponseHeader("X-Verdicts", c.shown);
        return sdk::Flow::Continue;
    }

  private:
    const psn_heuristics_api* all_;
};

}  // namespace

PSN_FILTER_PLUGIN(
    Judge,
    R"({"id":"judge","version":"1","vendor":"tests","maturity":"stable","kinds":["http-filter"]})")
