#include "host/net/reactor.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// Timers, tasks and events of one loop.
namespace persona::host::net {
namespace {

constexpr std::int64_t kTick = Wheel::kTickNs;

struct Probe final : Timed {
    explicit Probe(std::int64_t& clock) : now(clock) {}
    void onDeadline() override { fired_at.push_back(now); }
    std::int64_t& now;
    std::vector<std::int64_t> fired_at;
};

class WheelTest : public ::testing::Test {
  protected:
    void runTo(std::int64_t until) {
        for (; now < until; now += kTick / 5) wheel.advance(now);
        now = until;
        wheel.advance(now);
    }
    std::int64_t now = 1'000 * kTick;
    Wheel wheel{now};
};

TEST_F(WheelTest, NeverEarlyAndAtMostATickLate) {
    for (const std::int64_t delay : {1LL, 10'000'000LL, 50'000'000LL, 123'456'789LL,
                                     9'999'999'999LL, 30'000'000'000LL, 3'600'000'000'000LL}) {
        Probe p(now);
        const auto due = now + delay;
        wheel.set(p, due);
        runTo(due + 2 * kTick);
        ASSERT_EQ(p.fired_at.size(), 1u) << delay;
        EXPECT_GE(p.fired_at[0], due) << delay;
        EXPECT_LE(p.fired_at[0], due + 2 * kTick) << delay;
    }
}

TEST_F(WheelTest, LaterEarlierAndNotAtAll) {
    Probe later(now), earlier(now), never(now);
    const auto start = now;
    wheel.set(later, start + 4 * kTick);
    wheel.set(later, start + 20 * kTick);
    wheel.set(earlier, start + 40 * kTick);
    wheel.set(earlier, start + 3 * kTick);
    wheel.set(never, start + 5 * kTick);
    wheel.cancel(never);
    runTo(start + 10 * kTick);
    EXPECT_TRUE(later.fired_at.empty());
    EXPECT_EQ(earlier.fired_at.size(), 1u);
    runTo(start + 60 * kTick);
    EXPECT_EQ(later.fired_at.size(), 1u);
    EXPECT_EQ(earlier.fired_at.size(), 1u);
    EXPECT_TRUE(never.fired_at.empty());
}

TEST_F(WheelTest, WhoFiresMayDestroyAndRearmOthers) {
    struct Killer final : Timed {
        void onDeadline() override {
            victim.reset();
            wheel->set(*rearmed, when);
        }
        std::unique_ptr<Probe> victim;
        Probe* rearmed = nullptr;
        Wheel* wheel = nullptr;
        std::int64_t when = 0;
    } killer;
    Probe rearmed(now);
    killer.victim = std::make_unique<Probe>(now);
    killer.rearmed = &rearmed;
    killer.wheel = &wheel;
    killer.when = now + 10 * kTick;
    wheel.set(killer, now + kTick);
    wheel.set(*killer.victim, now + kTick);
    wheel.set(rearmed, now + kTick);
    runTo(now + 5 * kTick);
    EXPECT_TRUE(rearmed.fired_at.empty());
    runTo(now + 20 * kTick);
    EXPECT_EQ(rearmed.fired_at.size(), 1u);
}

TEST(ReactorTest, ATimerMayCancelItself) {
    Reactor r;
    std::function<void()> cancel;
    int ran = 0;
    cancel = r.after(1'000'000, [&, text = std::string(100, 'x')] {
        cancel();
        ran += text.size() == 100 ? 1 : 0;  // still alive after the cancel
        r.stop();
    });
    r.run();
    EXPECT_EQ(ran, 1);
}

struct Pipe final : EventHandler {
    explicit Pipe(Reactor& reactor) : r(reactor) {
        EXPECT_EQ(::pipe(fds), 0);
        EXPECT_TRUE(r.add(fds[0], *this, EPOLLIN | EPOLLET));
    }
    ~Pipe() {
        ::close(fds[0]);
        ::close(fds[1]);
    }
    void onEvents(std::uint32_t e) override {
        ++calls;
        if (on) on(e);
    }
    void writeHeld() override {
        if (held) held();
    }
    Reactor& r;
    int fds[2];
    int calls = 0;
    std::function<void(std::uint32_t)> on;
    std::function<void()> held;
};

/// Pipes that are readable in one turn; what each says is in `order`: its number when it is read, w
/// when it writes what it held back, e when it hears of that.
struct LateWriters {
    explicit LateWriters(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) {
            pipes.push_back(std::make_unique<Pipe>(r));
            auto& p = *pipes.back();
            p.held = [this] { order += 'w'; };
            p.on = [this, &p](std::uint32_t e) {
                if ((e & EPOLLOUT) != 0) {
                    order += 'e';
                    return;
                }
                order += std::to_string(++read);
                if (slow_ns != 0) spin();
                if (!r.writesLate(p)) order += '!';
            };
        }
    }
    void turn() {
        for (auto& p : pipes) ASSERT_EQ(::write(p->fds[1], "x", 1), 1);
        r.adopt();
        r.turn(0);
    }
    void spin() const {
        for (const auto until = monotonicNs() + slow_ns; monotonicNs() < until;) {
        }
    }
    Reactor r;
    std::string order;
    int read = 0;
    std::int64_t slow_ns = 0;
    std::vector<std::unique_ptr<Pipe>> pipes;
};

TEST(ReactorTest, SmallWritesOfATurnGoOutSideBySide) {
    // A slow machine may take the time of a late write between two of them.
    for (int i = 0; i < 100; ++i) {
        LateWriters l(3);
        l.turn();
        if (l.order == "123!wwee") return;
    }
    FAIL() << "never together";
}

TEST(ReactorTest, ALoneWriteDoesNotWait) {
    LateWriters l(1);
    l.turn();
    EXPECT_EQ(l.order, "1!");
}

TEST(ReactorTest, NoWriteWaitsForManySlowOthers) {
    LateWriters l(4);
    l.slow_ns = Reactor::kLateNs / 2 + 1;
    l.turn();
    // The third is past the deadline that the first one's wish began.
    EXPECT_LE(l.order.find("ww"), l.order.find('4')) << l.order;
    EXPECT_EQ(std::count(l.order.begin(), l.order.end(), 'w'), 3) << l.order;
    EXPECT_EQ(std::count(l.order.begin(), l.order.end(), 'e'), 3) << l.order;
}

TEST(ReactorTest, WhoIsRemovedDoesNotWriteWhatItHeldBack) {
    LateWriters l(2);
    Pipe* first = nullptr;
    for (auto& p : l.pipes)
        p->on = [&, self = p.get()](std::uint32_t e) {
            EXPECT_EQ(e & EPOLLOUT, 0u);
            if (first == nullptr) {
                first = self;
                EXPECT_TRUE(l.r.writesLate(*self));
            } else {
                l.r.remove(first->fds[0], *first);
            }
        };
    l.turn();
    EXPECT_EQ(l.order, "");
}

TEST(ReactorTest, TasksWriteLateToo) {
    LateWriters l(1);
    bool last = true;
    l.r.post([&] { EXPECT_TRUE(l.r.writesLate(*l.pipes[0])); });
    l.r.post([&] { last = l.r.writesLate(*l.pipes[0]); });
    l.r.adopt();
    l.r.turn(0);
    EXPECT_FALSE(last);
    EXPECT_EQ(l.order, "we");
}

TEST(ReactorTest, WhoIsRemovedGetsNoMoreEvents) {
    Reactor r;
    Pipe a(r), b(r);
    // Both are readable in the same turn; whoever comes first removes the other.
    a.on = [&](std::uint32_t) { r.remove(b.fds[0], b); };
    b.on = [&](std::uint32_t) { r.remove(a.fds[0], a); };
    ASSERT_EQ(::write(a.fds[1], "x", 1), 1);
    ASSERT_EQ(::write(b.fds[1], "x", 1), 1);
    r.after(20'000'000, [&] { r.stop(); });
    r.run();
    EXPECT_EQ(a.calls + b.calls, 1);
}

TEST(ReactorTest, MoreToDoComesInTheNextTurnAfterTheOthers) {
    Reactor r;
    Pipe busy(r), other(r);
    std::string order;
    busy.on = [&](std::uint32_t) {
        order += "b";
        if (order.size() < 20) r.again(busy);
        if (order == "b") {
            [[maybe_unused]] const auto n = ::write(other.fds[1], "x", 1);
        }
    };
    other.on = [&](std::uint32_t) { order += "o"; };
    ASSERT_EQ(::write(busy.fds[1], "x", 1), 1);
    r.after(30'000'000, [&] { r.stop(); });
    r.run();
    EXPECT_LE(order.find('o'), 3u) << order;
    EXPECT_GE(order.size(), 20u);
}

TEST(ReactorTest, AgainIsForgottenWithItsHandler) {
    Reactor r;
    auto p = std::make_unique<Pipe>(r);
    r.again(*p);
    r.remove(p->fds[0], *p);
    p.reset();
    r.after(10'000'000, [&] { r.stop(); });
    r.run();
}

}  // namespace
}  // namespace persona::host::net
