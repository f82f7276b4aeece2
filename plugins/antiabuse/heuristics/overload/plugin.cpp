#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/siphash.hpp>

#include "plugins/antiabuse/heuristics/overload/queue_watch.h"

/// What is served when not all can be (anti-abuse.md 3.3): each queue of the roles is watched by
/// what waited in it, and while it stands the less important requests are refused, always those of
/// the same prefixes for an hour, so that one user is served whole and another one not at all.
namespace persona::antiabuse {

class Overload final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {option("target", PSN_OPT_DURATION, "20ms",
                       "shortest wait in a window from which a queue is too long", 0, 1, 10'000),
                option("window", PSN_OPT_DURATION, "100ms", "window", 0, 10, 10'000),
                option("standing", PSN_OPT_DURATION, "250ms",
                       "a queue that was empty within so long is no standing one", 0, 10, 60'000),
                // One hash takes 168 ms, one provider's document up to seconds: 20 ms say nothing
                // there, and a window of 100 ms holds no two samples.
                option("slow.target", PSN_OPT_DURATION, "500ms",
                       "the same three of the queues whose work is long itself, hashing and "
                       "verify",
                       0, 1, 10'000),
                option("slow.window", PSN_OPT_DURATION, "1s", "window of these", 0, 10, 10'000),
                option("slow.standing", PSN_OPT_DURATION, "1s", "of these", 0, 10, 60'000)};
    }

    Overload(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          queues_{QueueWatch(settings("slow.")), QueueWatch(settings("slow.")),
                  QueueWatch(settings()), QueueWatch(settings()), QueueWatch(settings())} {
        const auto octets = host.random(sizeof secret_);
        std::copy_n(octets.data(), sizeof secret_, reinterpret_cast<char*>(&secret_));
    }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        auto& q = queueOf(f);
        q.began(f.nowNs());
        if (f.priority() < 2 || f.is(PSN_FACT_TRUSTED)) return sdk::Verdict::abstain();
        // The same prefixes are in or out for an hour, then it is the turn of others.
        const auto hour = static_cast<std::uint64_t>(f.nowNs() / 3'600'000'000'000);
        const auto turn = sdk::mixed(f.prefixKey(0), secret_ + hour) % QueueWatch::kAll;
        const auto share = q.share(f.priority());
        const auto wait =
            static_cast<std::uint32_t>(1'000 + sdk::mixed(secret_, f.raw().request_key) % 4'000);
        if (turn >= share)
            return sdk::Verdict::shed(wait, f.priority() == 2 ? "known" : "strangers")
                .by(f.prefixKey(0))
                .of(share, static_cast<std::uint32_t>(turn), 0);
        const auto failing = q.failing();
        if (failing != 0 && sdk::mixed(f.raw().request_key, secret_) % QueueWatch::kAll < failing)
            return sdk::Verdict::shed(wait, "failing").of(failing, 0, 0);
        return sdk::Verdict::abstain();
    }

    void observe(const sdk::Facts& f, const sdk::Outcome& o) override {
        auto& q = queueOf(f);
        if (!o.isRefused() && !o.isAborted() && o.raw().queue_us != ~0U)
            q.waited(o.raw().queue_us, o.raw().status >= 500);
        q.ended(f.nowNs());
    }

    std::optional<std::string> command(std::string_view words) override {
        if (words != "show") return std::nullopt;
        static constexpr std::array<const char*, kQueues> kNames{"verify", "hashing", "writes",
                                                                 "reads", "files"};
        std::string out = "{";
        for (std::size_t i = 0; i < kQueues; ++i)
            out += std::string(i == 0 ? "\"" : ",\"") + kNames[i] +
                   "\":{\"overloaded\":" + (queues_[i].isOverloaded() ? "true" : "false") +
                   ",\"in_flight\":" + std::to_string(queues_[i].inFlight()) +
                   ",\"known_share\":" + std::to_string(queues_[i].share(2)) +
                   ",\"strangers_share\":" + std::to_string(queues_[i].share(3)) +
                   ",\"failing\":" + std::to_string(queues_[i].failing()) + "}";
        return out + "}";
    }

  private:
    static constexpr std::size_t kQueues = 5;
    [[nodiscard]] QueueWatch::Settings settings(const std::string& of = "") const {
        return {config.num(of + "target") * 1'000, config.num(of + "window") * 1'000'000,
                config.num(of + "standing") * 1'000'000};
    }
    QueueWatch& queueOf(const sdk::Facts& f) {
        if (f.routeClass() == PSN_ROUTE_VERIFY) return queues_[0];
        if (f.routeClass() <= PSN_ROUTE_VIEW) return queues_[4];
        if (f.isCostly(PSN_TRAIT_HASHES)) return queues_[1];
        return queues_[f.isCostly(PSN_TRAIT_WRITES) ? 2 : 3];
    }
    std::uint64_t secret_ = 0;
    std::array<QueueWatch, kQueues> queues_;
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::Overload,
    R"({"id":"overload","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
