#include "libs/wsapi/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace persona::wsapi {
namespace {

class SecretFile : public ::testing::Test {
  protected:
    void SetUp() override {
        char pattern[] = "/tmp/persona-secret-XXXXXX";
        dir_ = ::mkdtemp(pattern);
        file_ = dir_ + "/deep/secret";
    }
    void TearDown() override { std::filesystem::remove_all(dir_); }
    void write(const std::string& text, int mode = 0600) {
        std::filesystem::create_directories(dir_ + "/deep");
        std::ofstream(file_) << text;
        ::chmod(file_.c_str(), static_cast<mode_t>(mode));
    }
    std::string dir_, file_;
};

TEST_F(SecretFile, IsMadeOnceAndReadAgain) {
    const auto made = loadOrCreateKeyRing(file_);
    ASSERT_TRUE(made) << made.error();
    ASSERT_EQ(made->size(), 1u);
    EXPECT_EQ(made->front().size(), 32u);
    struct stat st {};
    ASSERT_EQ(::stat(file_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
    EXPECT_EQ(*loadOrCreateKeyRing(file_), *made);
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(dir_ + "/deep"))
        ++entries;
    EXPECT_EQ(entries, 1u) << "nothing is left aside";
}

TEST_F(SecretFile, RolesThatStartAtOnceReadTheSame) {
    std::vector<std::string> got(16);
    std::vector<std::thread> threads;
    for (auto& g : got)
        threads.emplace_back([&] {
            if (const auto ring = loadOrCreateKeyRing(file_)) g = ring->front();
        });
    for (auto& t : threads) t.join();
    for (const auto& g : got) EXPECT_EQ(g, got.front());
    EXPECT_EQ(got.front().size(), 32u);
}

TEST_F(SecretFile, HoldsSeveralTheCurrentFirst) {
    write("# comment\n" + std::string(42, 'B') + "A\n\n" + std::string(43, 'A') + "\n");
    const auto ring = loadOrCreateKeyRing(file_);
    ASSERT_TRUE(ring) << ring.error();
    ASSERT_EQ(ring->size(), 2u);
    EXPECT_EQ(ring->back(), std::string(32, '\0'));
}

TEST_F(SecretFile, RefusesWithTheRemedy) {
    write(std::string(43, 'A') + "\n", 0604);
    EXPECT_NE(loadOrCreateKeyRing(file_).error().find("chmod o-rwx"), std::string::npos);
    write("short\n");
    EXPECT_NE(loadOrCreateKeyRing(file_).error().find("43 base64url"), std::string::npos);
    write("# nothing\n");
    EXPECT_NE(loadOrCreateKeyRing(file_).error().find("holds no secret"), std::string::npos);
    write(std::string(5'000, '#'));
    EXPECT_NE(loadOrCreateKeyRing(file_).error().find("4 KiB"), std::string::npos);
    std::string many;
    for (int i = 0; i < 17; ++i) many += std::string(43, 'A') + "\n";
    write(many);
    EXPECT_NE(loadOrCreateKeyRing(file_).error().find("more than 16"), std::string::npos);
    EXPECT_NE(loadOrCreateKeyRing(dir_).error().find("regular file"), std::string::npos);
}

}  // namespace
}  // namespace persona::wsapi
