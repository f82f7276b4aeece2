#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <persona/testing/harness.hpp>
#include <random>

/// The overload controller before a server that is simulated step by step on a clock that stands.
namespace persona::testing {
namespace {

using std::chrono::microseconds;

const std::string kFile = PERSONA_PLUGIN_DIR "/antiabuse/overload.so";

/// One worker, first in first out, a millisecond a request.
class Server {
  public:
    explicit Server(const std::string& options = "") : h_(kFile, options) {}

    struct Class {
        std::uint32_t priority;
        double per_second;
        double owed = 0;
        long offered = 0, refused = 0, late = 0;
        std::vector<double> waits_ms = {};
    };
    /// Runs `ms` milliseconds; in those for which `pauses` is true the worker stands still.
    template <typename Pauses>
    void run(long ms, const std::vector<Class*>& classes, Pauses pauses) {
        for (long t = 0; t < ms; ++t, h_.clock().advance(std::chrono::milliseconds(1)), ++now_) {
            for (auto* c : classes) {
                c->owed += c->per_second / 1'000;
                while (c->owed >= 1) {
                    c->owed -= 1;
                    arrive(*c);
                }
            }
            if (pauses(now_)) continue;
            if (queue_.empty()) continue;
            finish();
        }
    }
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
    [[nodiscard]] std::string show() { return h_.command("show"); }

  private:
    struct Waiting {
        std::unique_ptr<Facts> facts;
        Class* from;
        long since;
    };
    void arrive(Class& c) {
        ++c.offered;
        const auto client = random_();
        auto f = std::make_unique<Facts>(h_.facts());
        f->from("10." + std::to_string(client % 250) + "." + std::to_string(client / 250 % 250) +
                "." + std::to_string(client / 62'500 % 250))
            .routeClass(PSN_ROUTE_CONTEXT)
            .priority(c.priority);
        const auto v = f->evaluate();
        if (v.kind != PSN_VERDICT_ABSTAIN) {
            EXPECT_EQ(v.kind, PSN_VERDICT_SHED);
            EXPECT_GE(v.retry_after_ms, 1'000U);
            EXPECT_LE(v.retry_after_ms, 5'000U);
            ++c.refused;
            psn_outcome o{};
            o.status = 503;
            o.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
            o.queue_us = ~0U;
            f->observe(o);
            return;
        }
        queue_.push_back({std::move(f), &c, now_});
    }
    void finish() {
        auto w = std::move(queue_.front());
        queue_.pop_front();
        const auto waited = now_ - w.since;
        w.from->waits_ms.push_back(static_cast<double>(waited));
        psn_outcome o{};
        o.status = 200;
        o.queue_us = static_cast<std::uint32_t>(waited * 1'000);
        w.facts->observe(o);
    }
    Harness h_;
    std::deque<Waiting> queue_;
    std::mt19937 random_{5};
    long now_ = 0;
};

bool never(long) {
    return false;
}
double percentile(std::vector<double> v, double p) {
    std::sort(v.begin(), v.end());
    return v.empty() ? 0 : v[static_cast<std::size_t>(p * static_cast<double>(v.size() - 1))];
}

TEST(Overload, ThereIsNoneWhereThereIsRoom) {
    Server s;
    Server::Class people{1, 400}, strangers{3, 500};
    s.run(30'000, {&people, &strangers}, never);
    EXPECT_EQ(people.refused + strangers.refused, 0);
}

/// The gate of the design: a process that pauses 120 ms every 3 s at 60 % load is not overloaded.
/// A first version that looked at the mean wait refused half of its healthy traffic.
TEST(Overload, APausingProcessShedsNobody) {
    Server s;
    Server::Class people{1, 400}, strangers{3, 200};
    s.run(60'000, {&people, &strangers}, [](long t) { return t % 3'000 < 120; });
    EXPECT_EQ(people.refused, 0);
    EXPECT_LE(static_cast<double>(strangers.refused),
              0.005 * static_cast<double>(strangers.offered));
    EXPECT_GE(percentile(people.waits_ms, 0.99), 50) << "the pauses were really there";
}

TEST(Overload, AFloodOfStrangersIsShedAndPeopleAreServed) {
    for (const double flood : {600.0, 1'500.0, 5'000.0}) {
        Server s;
        Server::Class people{1, 400}, strangers{3, 200}, attack{3, flood};
        s.run(5'000, {&people, &strangers}, never);
        s.run(10'000, {&people, &strangers, &attack}, never);
        people.waits_ms.clear();
        s.run(30'000, {&people, &strangers, &attack}, never);
        EXPECT_EQ(people.refused, 0) << flood;
        EXPECT_LT(percentile(people.waits_ms, 0.99), 500) << flood;
        EXPECT_LT(percentile(people.waits_ms, 0.5), 100) << flood;
        EXPECT_GT(attack.refused, attack.offered / 4) << flood;
        const auto before = strangers.refused;
        s.run(10'000, {&people, &strangers}, never);
        strangers.offered = 0;
        const auto middle = strangers.refused;
        s.run(20'000, {&people, &strangers}, never);
        EXPECT_EQ(strangers.refused, middle) << "all are served again within 10 s, " << before;
    }
}

TEST(Overload, KnownBrowsersAreCutOnlyWhenNobodyElseIsLeft) {
    Server s;
    Server::Class people{1, 300}, known{2, 300}, strangers{3, 300}, attack{4, 2'000};
    s.run(20'000, {&people, &known, &strangers, &attack}, never);
    EXPECT_EQ(people.refused, 0);
    EXPECT_GT(attack.refused, attack.offered / 2);
    EXPECT_LT(known.refused * 100, known.offered * 10);
    Server t;
    Server::Class inside{1, 400}, devices{2, 3'000};
    t.run(20'000, {&inside, &devices}, never);
    EXPECT_EQ(inside.refused, 0);
    EXPECT_GT(devices.refused, devices.offered / 3);
}

TEST(Overload, TheSamePrefixIsInOrOut) {
    Harness h(kFile);
    const auto waiting = h.facts().from("198.51.100.1").routeClass(PSN_ROUTE_CONTEXT).priority(1);
    (void)waiting.evaluate();
    psn_outcome o{};
    o.status = 200;
    o.queue_us = 60'000;
    // A standing queue: never empty, and each answer waited 60 ms.
    for (int i = 0; i < 400; ++i) {
        h.clock().advance(std::chrono::milliseconds(10));
        const auto f = h.facts().routeClass(PSN_ROUTE_CONTEXT).priority(1);
        (void)f.evaluate();
        f.observe(o);
    }
    int in = 0, out = 0;
    for (int i = 0; i < 200; ++i) {
        const auto f = h.facts()
                           .from("203.0.113." + std::to_string(i))
                           .routeClass(PSN_ROUTE_CONTEXT)
                           .priority(3);
        const auto first = f.evaluate().kind;
        psn_outcome none{};
        none.queue_us = ~0U;
        none.flags = PSN_ENDED_REFUSED;
        f.observe(none);
        EXPECT_EQ(f.evaluate().kind, first);
        f.observe(none);
        (first == PSN_VERDICT_ABSTAIN ? in : out)++;
    }
    EXPECT_GT(out, 0);
    EXPECT_EQ(h.facts().routeClass(PSN_ROUTE_CONTEXT).priority(1).evaluate().kind,
              PSN_VERDICT_ABSTAIN);
    EXPECT_EQ(h.facts().routeClass(PSN_ROUTE_VERIFY).priority(3).evaluate().kind,
              PSN_VERDICT_ABSTAIN)
        << "another queue";
}

/// Sign-ins come one after another where one hash takes 168 ms: each waits for the one before it,
/// and that is no overload. Waits that pass what people bear are.
TEST(Overload, HashingIsLongItself) {
    for (const std::uint32_t wait_ms : {160U, 900U}) {
        Harness h(kFile);
        const auto asked = [&] {
            return h.facts().routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES).priority(3);
        };
        (void)asked().priority(1).evaluate();  // never empty
        std::uint32_t refused = 0;
        for (int i = 0; i < 200; ++i) {
            h.clock().advance(std::chrono::milliseconds(168));
            const auto f = asked().from("203.0.113." + std::to_string(i));
            psn_outcome o{};
            o.status = 200;
            o.queue_us = wait_ms * 1'000;
            if (f.evaluate().kind != PSN_VERDICT_ABSTAIN) {
                ++refused;
                o.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
            }
            f.observe(o);
        }
        if (wait_ms < 500) {
            EXPECT_EQ(refused, 0U);
        } else {
            EXPECT_GT(refused, 20U);
        }
    }
}

TEST(Overload, ARoleThatFailsIsAskedLess) {
    Harness h(kFile);
    const auto ask = [&](unsigned status) {
        const auto f = h.facts().routeClass(PSN_ROUTE_CONTEXT).priority(3);
        const auto v = f.evaluate();
        psn_outcome o{};
        o.status = status;
        o.queue_us = 100;
        if (v.kind != PSN_VERDICT_ABSTAIN) o.flags = PSN_ENDED_REFUSED | PSN_ENDED_OWN;
        f.observe(o);
        h.clock().advance(std::chrono::milliseconds(10));
    };
    for (int i = 0; i < 600; ++i) ask(503);
    EXPECT_NE(h.command("show").find("\"failing\":800"), std::string::npos) << h.command("show");
    for (int i = 0; i < 6'000; ++i) ask(200);
    EXPECT_NE(h.command("show").find("\"reads\":{\"overloaded\":false"), std::string::npos);
    EXPECT_EQ(h.command("show").find("\"failing\":8"), std::string::npos);
}

}  // namespace
}  // namespace persona::testing
