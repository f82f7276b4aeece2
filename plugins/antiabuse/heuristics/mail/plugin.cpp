#include <persona/sdk/heuristic.hpp>
#include <persona/sdk/rates.hpp>

#include <array>
#include <memory>
#include <optional>

#include "libs/abuse/keys.h"

/// Mails that strangers can make us send (anti-abuse.md 3.2, T8): budgets of the mailbox, its
/// domain, the asker's network, the site and all together. A browser that the addressee has signed
/// in on has a budget of its own, so that nobody's bombs keep the owner from a reset.
namespace persona::mail_guard {

using abuse::pairOf;
using sdk::Facts;
using sdk::Rate;
using sdk::Verdict;

class Mail final : public sdk::Heuristic {
  public:
    /// LOGIN too: whose password was right has read his mails.
    static constexpr std::uint32_t kRoutes = 1U << PSN_ROUTE_STAGE | 1U << PSN_ROUTE_LOGIN;

    static std::vector<psn_option> options() {
        return {
            sdk::option("mailbox.burst", PSN_OPT_INT, "3",
                        "mails to one mailbox at once; more come slower and slower", 0, 1, 100),
            sdk::option("mailbox.interval", PSN_OPT_DURATION, "10m",
                        "until the next one; grows to 6 h while no one signs in", 0, 1'000,
                        3'600'000),
            sdk::option("plus.burst", PSN_OPT_INT, "5",
                        "mails an hour to one mailbox, +tags left out", 0, 1, 1'000),
            sdk::option("domain.burst", PSN_OPT_INT, "60",
                        "mails at once to one domain, and 1 a second; grows with those who signed "
                        "in from there",
                        0, 1, 100'000),
            sdk::option("prefix.burst", PSN_OPT_INT, "6", "mails at once for one network", 0, 1,
                        10'000),
            sdk::option("prefix.interval", PSN_OPT_DURATION, "2m", "until one more", 0, 1'000,
                        3'600'000),
            sdk::option("origin.burst", PSN_OPT_INT, "100",
                        "mails at once for one site, and 2 a second", 0, 1, 100'000),
            sdk::option("total", PSN_OPT_INT, "50", "mails a second for everybody", 0, 1, 10'000),
            sdk::option("addressee", PSN_OPT_ENUM, "refuse",
                        "over a mailbox's budget: refuse with the seconds to wait, or answer as "
                        "ever and send nothing",
                        0, 0, 0, "refuse|quiet"),
            sdk::option("slots", PSN_OPT_INT, "1048576", "of the table; 8 octets each", 0, 1'024,
                        67'108'864)};
    }

    Mail(const psn_host* h, const psn_config* c)
        : Heuristic(h, c),
          // Each further three cost more of a wait than those before.
          mailbox_{Rate{number("mailbox.interval"), number("mailbox.burst")},
                   Rate{number("mailbox.interval") * 4, number("mailbox.burst") * 2},
                   Rate{number("mailbox.interval") * 18, number("mailbox.burst") * 3},
                   Rate{number("mailbox.interval") * 36, number("mailbox.burst") * 4}},
          plus_{3'600'000 / number("plus.burst"), number("plus.burst")},
          domain_{1'000, number("domain.burst")},
          prefix_{number("prefix.interval"), number("prefix.burst")},
          origin_{500, number("origin.burst")},
          total_{std::max(1U, 1'000 / number("total")), number("total") * 4},
          quiet_(config.str("addressee") == "quiet") {
        if (static_cast<std::uint64_t>(mailbox_[3].interval_ms) * mailbox_[3].burst >
            604'800'000ULL)
            throw std::runtime_error(
                "mailbox.interval times mailbox.burst is too long: at most 70 minutes together");
    }

    void activate() override {
        table_ = std::make_unique<sdk::RateTable>(host.raw(), "mail.sent", number("slots"), true);
    }

    void prepare(const Facts& f) const {
        if (f.routeClass() != PSN_ROUTE_STAGE) return;
        each(f, [&](const Limit& l) { table_->prefetch(l.key, l.rule); });
    }

    Verdict evaluate(const Facts& f) override {
        if (f.routeClass() != PSN_ROUTE_STAGE) return Verdict::abstain();
        std::optional<Verdict> refusal;
        each(f, [&](const Limit& l) {
            const auto a = table_->charge(l.key, l.rule, l.rate, 1, f.nowNs());
            if (a.allowed != 0 || refusal) return;
            const auto v = quiet_ && l.of_mailbox
                               ? Verdict::tag(5, l.reason).hinting(PSN_HINT_SKIP_MAIL)
                               : Verdict::throttle(a.retry_after_ms, l.reason);
            refusal =
                v.by(l.key).of(l.rate.burst, a.spent_ms / l.rate.interval_ms, l.rate.windowMs());
        });
        return refusal ? *refusal : Verdict::abstain();
    }

    void observe(const Facts& f, const sdk::Outcome& o) override {
        if (f.routeClass() == PSN_ROUTE_LOGIN) {
            if (o.has(PSN_OUTCOME_AUTH_OK) && !o.isRefused()) confirmed(f);
            return;
        }
        // Only a mail that went out counts; an address that nobody has is as good as one, lest the
        // budget tell them apart. Whether one does is not stopped by hanging up.
        if (o.isUnanswered()) return;
        if (!o.isRefused() && (o.has(PSN_OUTCOME_MAIL_SENT) || o.has(PSN_OUTCOME_MAIL_SKIPPED) ||
                               o.has(PSN_OUTCOME_ADDRESS_UNKNOWN)))
            return;
        each(f, [&](const Limit& l) { table_->refund(l.key, l.rule, l.rate, 1, f.nowNs()); });
    }

  private:
    enum Rule : std::uint32_t {
        kMailbox = 1,
        kPlus = 8,
        kDomain,
        kOrigin,
        kTotal,
        kSize,
        kSeen,
        kPrefix = 16
    };
    static constexpr std::uint64_t kEverybody = 0x6d61696cULL;
    /// Users of a domain that signed in within a week, as time that is spent: one in ten minutes.
    static constexpr Rate kUsers{604'800, 1'000}, kOnce{604'800'000, 1};
    struct Limit {
        std::uint64_t key;
        std::uint32_t rule;
        Rate rate;
        const char* reason;
        bool of_mailbox;
    };

    [[nodiscard]] std::uint32_t number(std::string_view option) const {
        return static_cast<std::uint32_t>(config.num(option));
    }

    /// Every limit that counts for this request.
    template <typename F>
    void each(const Facts& f, F&& use) const {
        const auto add = [&](std::uint64_t key, std::uint32_t rule, const Rate& rate,
                             const char* reason, bool of_mailbox = false) {
            if (key != 0) use(Limit{key, rule, rate, reason, of_mailbox});
        };
        const bool owner = f.is(PSN_FACT_KNOWN_DEVICE) && f.sessionKey() != 0;
        const auto box = owner ? pairOf(f.sessionKey(), f.accountKey()) : f.accountKey();
        for (std::uint32_t i = 0; i < mailbox_.size(); ++i)
            add(box, kMailbox + i, mailbox_[i], "mailbox", true);
        if (!owner) {
            add(f.mailboxKey(), kPlus, plus_, "mailbox_tags", true);
            add(f.domainKey(), kDomain, domain_.times(sizeFactor(f)), "domain");
        }
        for (std::uint32_t i = 0; i < 3; ++i)
            add(f.prefixKey(i), kPrefix + i,
                prefix_.times(abuse::creditFactor(f.credit(), 0.3) * abuse::kWider[i]), "prefix");
        add(f.originKey(), kOrigin, origin_, "origin");
        add(kEverybody, kTotal, total_, "total");
    }

    [[nodiscard]] double sizeFactor(const Facts& f) const {
        const auto a = table_->peek(f.domainKey(), kSize, kUsers, 1, f.nowNs());
        // What take() would spend is in it already.
        return 1 + (static_cast<double>(a.spent_ms) / kUsers.interval_ms - 1) / 50;
    }

    void confirmed(const Facts& f) const {
        if (f.accountKey() == 0) return;
        for (std::uint32_t i = 0; i < mailbox_.size(); ++i)
            table_->forget(f.accountKey(), kMailbox + i);
        if (f.domainKey() != 0 &&
            table_->take(f.accountKey(), kSeen, kOnce, 1, f.nowNs()).allowed != 0)
            table_->take(f.domainKey(), kSize, kUsers, 1, f.nowNs());
    }

    const std::array<Rate, 4> mailbox_;
    const Rate plus_, domain_, prefix_, origin_, total_;
    const bool quiet_;
    std::unique_ptr<sdk::RateTable> table_;
};

}  // namespace persona::mail_guard

PSN_HEURISTIC_PLUGIN(
    persona::mail_guard::Mail,
    R"({"id":"mail","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["heuristic"],"sdk":"1.0"})")
