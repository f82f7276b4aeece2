#include <gmock/gmock.h>
#include <persona/abi/ext/metrics.h>

#include <chrono>
#include <thread>

#include "host/app/clock_watch.h"
#include "tests/support/temp_dir.h"

namespace persona::host::app {
namespace {

constexpr std::int64_t kMs = 1'000'000, kWall = 1'700'000'000'000;

class Clock : public ::testing::Test {
  protected:
    [[nodiscard]] std::int64_t counted() { return metrics_.values().at("clock.stepped_back"); }
    /// The log once it has `text`, which is written by a thread of its own; as it is after 20 s.
    std::string logWith(const std::string& text) {
        std::string all;
        for (int i = 0; i < 4'000 && all.find(text) == std::string::npos; ++i) {
            log_.flush();
            all = persona::testing::readText(file_);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return all;
    }
    const persona::testing::TempDir dir_;
    const std::string file_ = dir_.path() + "/log";
    observe::Log log_{"test", "info", file_, "text"};
    observe::Metrics metrics_;
};

TEST_F(Clock, ThatGoesEvenlyIsSlewedOrSetForwardIsNotSaid) {
    ClockWatch watch(log_, metrics_, kWall, 5'000 * kMs);
    EXPECT_EQ(counted(), 0) << "there from the start";
    watch.look(kWall + 1'000, 6'000 * kMs);
    watch.look(kWall + 1'950, 7'000 * kMs);
    watch.look(kWall + 3'600'000, 8'000 * kMs);
    watch.look(kWall + 3'601'000, 9'000 * kMs);
    EXPECT_EQ(counted(), 0);
    log_.write(2, "test", "all was said");
    EXPECT_THAT(logWith("all was said"), ::testing::Not(::testing::HasSubstr("[clock]")));
}

TEST_F(Clock, ThatIsSetBackIsCountedAndSaidOnceEachTime) {
    ClockWatch watch(log_, metrics_, kWall, 5'000 * kMs);
    watch.look(kWall + 1'000 - 3'600'000, 6'000 * kMs);
    watch.look(kWall + 2'000 - 3'600'000, 7'000 * kMs);
    EXPECT_EQ(counted(), 1);
    EXPECT_THAT(logWith("3600000"), ::testing::HasSubstr("set back by 3600000 ms"));
    // Stood still for a second: less than before counts as back, too.
    watch.look(kWall + 2'000 - 3'600'000, 8'000 * kMs);
    EXPECT_EQ(counted(), 2);
    EXPECT_THAT(logWith("by 1000"), ::testing::HasSubstr("set back by 1000 ms"));
}

}  // namespace
}  // namespace persona::host::app
