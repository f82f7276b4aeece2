#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <vector>

#include "host/observe/log.h"

namespace persona::host::observe {
namespace {

class AccessLogTest : public ::testing::Test {
  protected:
    AccessLogTest() {
        std::string pattern = std::filesystem::temp_directory_path() / "persona-log-XXXXXX";
        dir_ = ::mkdtemp(pattern.data());
    }
    ~AccessLogTest() override { std::filesystem::remove_all(dir_); }
    std::function<void(const std::string&)> say() {
        return [this](const std::string& text) {
            const std::lock_guard lock(mutex_);
            said_.push_back(text);
        };
    }
    std::vector<std::string> said() {
        const std::lock_guard lock(mutex_);
        return said_;
    }
    std::string dir_;
    std::atomic<std::int64_t> dropped_{0};
    std::mutex mutex_;
    std::vector<std::string> said_;
};

TEST_F(AccessLogTest, AReaderThatStopsCostsLinesAndNoTime) {
    const auto pipe = dir_ + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    constexpr std::int64_t kLines = 200'000;
    const std::string line(99, 'x');
    std::int64_t read = 0;
    {
        AccessLog log(pipe, dropped_, say());
        // Twenty megabytes into a pipe that nobody reads: with a stall this would not end.
        for (std::int64_t i = 0; i < kLines; ++i) log.write(line + "\n");
        EXPECT_GT(dropped_, 0);
        ASSERT_EQ(said().size(), 1U) << "said once, not for each line";
        EXPECT_NE(said().front().find("access_log.dropped"), std::string::npos);
        // The reader comes back: all that was not dropped arrives whole.
        ::fcntl(reader, F_SETFL, 0);
        std::vector<char> data(1 << 16);
        while (read < (kLines - dropped_) * 100) {
            const auto n = ::read(reader, data.data(), data.size());
            ASSERT_GT(n, 0);
            read += n;
        }
    }
    EXPECT_EQ(read, (kLines - dropped_) * 100);
    ::close(reader);
}

TEST_F(AccessLogTest, ADiskThatIsFullIsCountedLineByLine) {
    if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
    {
        AccessLog log("/dev/full", dropped_, say());
        for (int i = 0; i < 7; ++i) log.write("a line\n");
    }
    EXPECT_EQ(dropped_, 7);
    ASSERT_GE(said().size(), 1U);
    EXPECT_NE(said().front().find("No space left"), std::string::npos) << said().front();
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsNamed) {
    try {
        AccessLog log(dir_ + "/none/access.log", dropped_, say());
        FAIL();
    } catch (const std::system_error& e) {
        EXPECT_NE(std::string(e.what()).find(dir_ + "/none/access.log"), std::string::npos);
    }
}

}  // namespace
}  // namespace persona::host::observe
