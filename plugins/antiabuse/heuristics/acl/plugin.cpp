#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <persona/sdk/heuristic.hpp>

#include "plugins/antiabuse/heuristics/acl/lists.h"

/// Lists of networks (anti-abuse.md 3.2 "acl"): allow goes before deny, deny before suspect. Files
/// that change are read again by themselves. A list that cannot be read, or would refuse too many
/// of those who are known to be people, leaves the one before in force.
namespace persona::antiabuse {

class Acl final : public sdk::Heuristic {
  public:
    static std::vector<psn_option> options() {
        using sdk::option;
        return {option("allow", PSN_OPT_STRING, "", "file of networks that nothing else refuses"),
                option("deny", PSN_OPT_STRING, "", "file of networks that are refused"),
                option("suspect", PSN_OPT_STRING, "", "file of networks that are weighed"),
                option("weight", PSN_OPT_INT, "10", "of suspects", 0, 1, 1'000),
                option("answer", PSN_OPT_ENUM, "forbidden",
                       "to those who are refused: 403, or the connection is closed", 0, 0, 0,
                       "forbidden|drop"),
                option("check", PSN_OPT_DURATION, "5s", "how often the files are looked at", 0, 100,
                       3'600'000),
                option("trial", PSN_OPT_DURATION, "60s",
                       "a new list is tried beside the old one for so long; 0: not at all", 0, 0,
                       3'600'000),
                option("most_refused", PSN_OPT_DOUBLE, "0.2",
                       "share of the prefixes of known people that a new list may refuse")};
    }

    Acl(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          files_{config.str("allow"), config.str("deny"), config.str("suspect")},
          weight_(static_cast<std::uint32_t>(config.num("weight"))),
          drops_(config.str("answer") == "drop"),
          trial_ns_(config.num("trial") * 1'000'000),
          most_refused_(config.real("most_refused")) {
        refused_lists_ = host.counter("list_refused");
        stamp_ = stampOf(files_);
        auto lists = read();
        if (!lists) throw std::runtime_error(lists.error());
        put(std::move(*lists));
    }

    /// Without a file there is never a list.
    [[nodiscard]] std::uint32_t routes() const override {
        const bool lists = std::any_of(files_.begin(), files_.end(),
                                       [](const auto& file) { return !file.empty(); });
        return lists ? ~0U : 0U;
    }

    void activate() override {
        std::uint64_t id = 0;
        if (host.timers().start(
                host.raw(), static_cast<std::uint64_t>(config.num("check")),
                static_cast<std::uint64_t>(config.num("check")),
                [](void* self) { static_cast<Acl*>(self)->look(); }, this, &id) != PSN_OK)
            throw std::runtime_error("no timer to be had");
    }

    sdk::Verdict evaluate(const sdk::Facts& f) override {
        const auto address = addresses::parseAddress(f.clientAddress());
        if (!address) return sdk::Verdict::abstain();
        const auto* lists = current_.load(std::memory_order_acquire);
        if (auto* trial = trial_.load(std::memory_order_acquire);
            trial != nullptr && (f.credit() != 0 || f.isFamiliar())) {
            trial->known.add(f.prefixKey(0));
            if (trial->lists.deny.contains(*address) && !trial->lists.allow.contains(*address))
                trial->refused.add(f.prefixKey(0));
        }
        const auto key = f.prefixKey(0);
        if (lists->allow.contains(*address)) return sdk::Verdict::allow("allow").by(key);
        if (lists->deny.contains(*address))
            return (drops_ ? sdk::Verdict::drop("deny") : sdk::Verdict::deny("deny")).by(key);
        if (lists->suspect.contains(*address)) return sdk::Verdict::tag(weight_, "suspect").by(key);
        return sdk::Verdict::abstain();
    }

    std::optional<std::string> command(std::string_view words) override {
        if (words == "show") {
            const auto* l = current_.load();
            const auto* t = trial_.load();
            return "{\"allow\":" + std::to_string(l->allow.size()) +
                   ",\"deny\":" + std::to_string(l->deny.size()) +
                   ",\"suspect\":" + std::to_string(l->suspect.size()) + ",\"bytes\":" +
                   std::to_string(l->allow.bytes() + l->deny.bytes() + l->suspect.bytes()) +
                   (t == nullptr ? ""
                                 : ",\"trial\":{\"known\":" + std::to_string(t->known.count()) +
                                       ",\"refused\":" + std::to_string(t->refused.count()) + "}") +
                   "}";
        }
        if (words == "reload") {
            stamp_ = 0;
            look();
            return "{\"reloaded\":true}";
        }
        return std::nullopt;
    }

  private:
    [[nodiscard]] Result<Lists> read() const { return readLists(files_[0], files_[1], files_[2]); }

    /// [control] What nobody can be reading any more is freed at the next look: an evaluate() takes
    /// microseconds, a look comes after seconds.
    void look() {
        old_lists_.clear();
        old_trials_.clear();
        const auto now = host.monotonicNs();
        if (kept_trial_ != nullptr && now >= kept_trial_->until_ns) endTrial();
        const auto stamp = stampOf(files_);
        if (stamp == stamp_) return;
        stamp_ = stamp;
        auto lists = read();
        if (!lists) return refuse(lists.error());
        if (trial_ns_ == 0) return put(std::move(*lists));
        if (kept_trial_ != nullptr) old_trials_.push_back(std::move(kept_trial_));
        kept_trial_ = std::make_unique<Trial>();
        kept_trial_->lists = std::move(*lists);
        kept_trial_->until_ns = now + trial_ns_;
        trial_.store(kept_trial_.get(), std::memory_order_release);
        host.info("a new list is on trial");
    }
    void endTrial() {
        trial_.store(nullptr, std::memory_order_release);
        if (kept_trial_->wouldRefuseTooMany(most_refused_))
            refuse("it would refuse " + std::to_string(kept_trial_->refused.count()) + " of " +
                   std::to_string(kept_trial_->known.count()) +
                   " prefixes of known people; correct the list");
        else
            put(kept_trial_->lists);
        old_trials_.push_back(std::move(kept_trial_));
    }
    void refuse(const std::string& why) {
        refused_lists_.add();
        host.error("the new list is not taken, the one before stays: " + why);
    }
    void put(Lists lists) {
        auto next = std::make_unique<Lists>(std::move(lists));
        current_.store(next.get(), std::memory_order_release);
        if (kept_ != nullptr) {
            old_lists_.push_back(std::move(kept_));
            host.info("lists in force: " + std::to_string(next->allow.size()) + " allowed, " +
                      std::to_string(next->deny.size()) + " denied, " +
                      std::to_string(next->suspect.size()) + " suspect ranges");
        }
        kept_ = std::move(next);
    }

    const std::vector<std::string> files_;
    const std::uint32_t weight_;
    const bool drops_;
    const std::int64_t trial_ns_;
    const double most_refused_;
    sdk::Metric refused_lists_;
    std::uint64_t stamp_ = 0;
    std::unique_ptr<Lists> kept_;
    std::unique_ptr<Trial> kept_trial_;
    std::vector<std::unique_ptr<Lists>> old_lists_;
    std::vector<std::unique_ptr<Trial>> old_trials_;
    std::atomic<const Lists*> current_{nullptr};
    std::atomic<Trial*> trial_{nullptr};
};

}  // namespace persona::antiabuse

PSN_HEURISTIC_PLUGIN(
    persona::antiabuse::Acl,
    R"({"id":"acl","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0","hot_swap":true})")
