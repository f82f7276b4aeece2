#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "libs/domainkey/files.h"
#include "libs/domainkey/key_ring.h"
#include "libs/protocol/token.h"

/// The domain's keys in files: first start, permissions, rotation, restarts in the middle of it.
namespace persona::domainkey {
namespace {

using protocol::Algorithm;

constexpr std::int64_t kStart = 4'000'000'000'000, kLead = 1'000, kKeep = 10'000;

class Ring : public ::testing::Test {
  protected:
    void SetUp() override {
        char pattern[] = "/tmp/persona-ring-XXXXXX";
        directory_ = ::mkdtemp(pattern);
        key_ = directory_ + "/keys/domain-key.pem";
        public_ = directory_ + "/keys/domain-key.public.json";
    }
    void TearDown() override {
        const std::string remove = "rm -rf " + directory_;
        EXPECT_EQ(std::system(remove.c_str()), 0);
    }
    Result<std::unique_ptr<KeyRing>> open(std::int64_t now, std::int64_t rotate_after = 0,
                                          Algorithm algorithm = Algorithm::ES256) {
        RingOptions o;
        o.public_file = public_;
        o.algorithm = algorithm;
        o.rotate_after_ms = rotate_after;
        o.lead_ms = kLead;
        o.keep_ms = kKeep;
        return KeyRing::open(fileKeyStore(key_), o, now);
    }
    std::unique_ptr<KeyRing> opened(std::int64_t now, std::int64_t rotate_after = 0) {
        auto ring = open(now, rotate_after);
        EXPECT_TRUE(ring.ok()) << ring.error();
        return ring.ok() ? std::move(*ring) : nullptr;
    }
    void request() const { std::ofstream(key_ + ".rotate"); }
    static unsigned modeOf(const std::string& file) {
        struct stat st {};
        EXPECT_EQ(::stat(file.c_str(), &st), 0) << file;
        return st.st_mode & 0777;
    }
    static std::string canonical(const KeyRing& ring) {
        return ring.current()->public_key.canonical();
    }
    /// What another role reads.
    PublicKeys read() const {
        PublicFile file(public_);
        const auto got = file.refresh();
        EXPECT_TRUE(got.ok()) << got.error();
        return *file.keys();
    }
    std::string directory_, key_, public_;
};

TEST_F(Ring, FirstStartMakesAKey) {
    const auto ring = opened(kStart);
    EXPECT_EQ(modeOf(key_), 0600u);
    EXPECT_EQ(modeOf(public_), 0644u);
    EXPECT_EQ(read().current.canonical(), canonical(*ring));
    EXPECT_TRUE(read().others.empty());
    EXPECT_EQ(readFile(public_)->find("PRIVATE"), std::string::npos);
    // The next start finds the same key.
    const auto again = opened(kStart + 5);
    EXPECT_EQ(canonical(*again), canonical(*ring));
    EXPECT_EQ(again->current()->created_ms, ring->current()->created_ms);
}

TEST_F(Ring, AlgorithmsByChoice) {
    auto ring = open(kStart, 0, Algorithm::RS256);
    ASSERT_TRUE(ring.ok());
    EXPECT_EQ((*ring)->current()->signer->algorithm(), Algorithm::RS256);
    EXPECT_EQ((*open(kStart))->current()->signer->algorithm(), Algorithm::RS256)
        << "a key that is there stays";
}

TEST_F(Ring, RefusesKeysThatOthersCanRead) {
    opened(kStart);
    for (const unsigned mode : {0640U, 0604U, 0660U, 0644U, 0602U}) {
        ASSERT_EQ(::chmod(key_.c_str(), mode), 0);
        const auto ring = open(kStart);
        ASSERT_FALSE(ring.ok()) << mode;
        EXPECT_NE(ring.error().find("chmod 600 " + key_), std::string::npos) << ring.error();
    }
    ASSERT_EQ(::chmod(key_.c_str(), 0600), 0);
    EXPECT_TRUE(open(kStart).ok());
    ASSERT_EQ(::rename(key_.c_str(), (key_ + ".moved").c_str()), 0);
    ASSERT_EQ(::symlink((key_ + ".moved").c_str(), key_.c_str()), 0);
    EXPECT_FALSE(open(kStart).ok()) << "a link";
}

TEST_F(Ring, RefusesDamagedAndForeignKeys) {
    opened(kStart);
    const auto replace = [&](const std::string& text) {
        ASSERT_EQ(::unlink(key_.c_str()), 0);
        ASSERT_EQ(writeFile(key_, text, 0600, true), "");
    };
    replace("no key");
    EXPECT_NE(open(kStart).error().find(key_), std::string::npos);
    replace("");
    EXPECT_FALSE(open(kStart).ok());
    replace(protocol::SecretKey::generate(Algorithm::RS128)->toPem());
    EXPECT_NE(open(kStart).error().find("neither RSA of 2048 bits nor P-256"), std::string::npos);
    replace(std::string(70'000, 'x'));
    EXPECT_NE(open(kStart).error().find("64 KiB"), std::string::npos);
}

TEST_F(Ring, ADirectoryThatIsMissingOrReadOnlyIsNamed) {
    key_ = directory_ + "/a/b/key.pem";
    const auto ring = open(kStart);
    ASSERT_FALSE(ring.ok());
    EXPECT_NE(ring.error().find("cannot create directory " + directory_ + "/a/b"),
              std::string::npos)
        << ring.error();
}

TEST_F(Ring, RotatesOnRequest) {
    const auto ring = opened(kStart);
    const auto first = canonical(*ring);
    EXPECT_EQ(*ring->advance(kStart + 1), "");
    request();
    EXPECT_NE(*ring->advance(kStart + 2), "");
    EXPECT_FALSE(exists(key_ + ".rotate")) << "a request counts once";
    EXPECT_EQ(modeOf(key_ + ".next"), 0600u);
    EXPECT_EQ(canonical(*ring), first) << "the next key does not sign yet";
    ASSERT_EQ(read().others.size(), 1u);
    EXPECT_TRUE(read().others[0].is_next);
    const auto second = read().others[0].key.canonical();
    EXPECT_EQ(*ring->advance(kStart + 2 + kLead - 1), "");
    EXPECT_NE(*ring->advance(kStart + 2 + kLead), "");
    EXPECT_EQ(canonical(*ring), second);
    EXPECT_FALSE(exists(key_ + ".next"));
    ASSERT_EQ(read().others.size(), 1u);
    EXPECT_FALSE(read().others[0].is_next);
    EXPECT_EQ(read().others[0].key.canonical(), first);
    EXPECT_EQ(read().all().size(), 2u);
    EXPECT_LE(read().oldestMs(), read().created_ms) << "older certificates still count";
    EXPECT_EQ(*ring->advance(kStart + 2 + kLead + kKeep - 1), "");
    EXPECT_NE(*ring->advance(kStart + 2 + kLead + kKeep), "");
    EXPECT_TRUE(read().others.empty()) << "its certificates have expired";
    EXPECT_EQ(*ring->advance(kStart + 2 + kLead + kKeep + 1), "");
}

TEST_F(Ring, RotatesByAge) {
    const auto ring = opened(kStart, 100'000);
    const auto born = ring->current()->created_ms;
    EXPECT_EQ(*ring->advance(born + 100'000 - kLead - 1), "");
    EXPECT_NE(*ring->advance(born + 100'000 - kLead), "") << "in time for the lead";
    EXPECT_EQ(read().others.size(), 1u);
}

/// A crash may come between any two writes; nobody may lose a key that counts.
TEST_F(Ring, RestartsInTheMiddleOfARotation) {
    std::string first, second;
    {
        const auto ring = opened(kStart);
        first = canonical(*ring);
        request();
    }
    {  // asked for, and stopped before it was seen
        const auto ring = opened(kStart + 10);
        EXPECT_NE(*ring->advance(kStart + 10), "");
    }
    {  // made, but its publication was lost
        ASSERT_EQ(writeFile(public_,
                            PublicKeys{(*open(kStart + 20))->current()->public_key, 1, {}}.toText(),
                            0644, false),
                  "");
        const auto ring = opened(kStart + 5 * kLead);
        EXPECT_EQ(*ring->advance(kStart + 5 * kLead + kLead - 1), "")
            << "the lead counts from when it is published";
        EXPECT_EQ(canonical(*ring), first);
        second = read().others.at(0).key.canonical();
    }
    // promoted, and stopped before the public file was written
    ASSERT_EQ(std::rename((key_ + ".next").c_str(), key_.c_str()), 0);
    {
        const auto ring = opened(kStart + 7 * kLead);
        EXPECT_EQ(canonical(*ring), second);
        ASSERT_EQ(read().others.size(), 1u);
        EXPECT_EQ(read().others[0].key.canonical(), first);
        EXPECT_FALSE(read().others[0].is_next);
    }
    {  // and the previous key is still known after one more start
        const auto ring = opened(kStart + 7 * kLead + 1);
        ASSERT_EQ(read().others.size(), 1u);
        EXPECT_EQ(read().others[0].until_ms, kStart + 7 * kLead + kKeep);
    }
}

TEST_F(Ring, ABrokenPublicFileIsNotGuessedAt) {
    opened(kStart);
    ASSERT_EQ(writeFile(public_, "{", 0644, false), "");
    const auto ring = open(kStart);
    ASSERT_FALSE(ring.ok());
    EXPECT_NE(ring.error().find(public_), std::string::npos);
    ASSERT_EQ(::unlink(public_.c_str()), 0);
    EXPECT_TRUE(open(kStart).ok());
}

/// While it lives, the public file cannot be written: by root neither.
class Unwritable {
  public:
    explicit Unwritable(const std::string& file)
        : temp_(file + ".new-" + std::to_string(::getpid())) {
        EXPECT_EQ(::mkdir(temp_.c_str(), 0700), 0);
    }
    ~Unwritable() { EXPECT_EQ(::rmdir(temp_.c_str()), 0); }
    Unwritable(const Unwritable&) = delete;
    Unwritable& operator=(const Unwritable&) = delete;

  private:
    const std::string temp_;
};

TEST_F(Ring, ARotationGoesOnWhenThePublicFileCanBeWrittenAgain) {
    const auto ring = opened(kStart);
    const auto first = canonical(*ring);
    request();
    {
        const Unwritable file(public_);
        for (int i = 0; i < 3; ++i) EXPECT_FALSE(ring->advance(kStart + i).ok());
    }
    EXPECT_NE(*ring->advance(kStart + 5), "") << "the request is not forgotten";
    const auto second = read().others.at(0).key.canonical();
    {
        const Unwritable file(public_);
        for (int i = 0; i < 3; ++i) EXPECT_FALSE(ring->advance(kStart + 5 + kLead + i).ok());
    }
    const auto promoted = ring->advance(kStart + 9 + kLead);
    ASSERT_TRUE(promoted.ok()) << promoted.error();
    EXPECT_EQ(canonical(*ring), second);
    ASSERT_EQ(read().others.size(), 1u);
    EXPECT_EQ(read().others[0].key.canonical(), first);
    EXPECT_EQ(*ring->advance(kStart + 10 + kLead), "");
}

/// An operator may take it away before it signs.
TEST_F(Ring, ANextKeyThatIsGoneLeavesTheCurrentOne) {
    const auto ring = opened(kStart);
    const auto first = canonical(*ring);
    request();
    ASSERT_TRUE(ring->advance(kStart).ok());
    ASSERT_EQ(::unlink((key_ + ".next").c_str()), 0);
    const auto said = ring->advance(kStart + kLead);
    ASSERT_TRUE(said.ok()) << said.error();
    EXPECT_NE(said->find("gone"), std::string::npos) << *said;
    EXPECT_EQ(canonical(*ring), first);
    EXPECT_TRUE(read().others.empty());
}

/// Nobody could verify what a key signs that was not published before.
TEST_F(Ring, ANextKeyThatWasReplacedHasALeadOfItsOwn) {
    const auto ring = opened(kStart);
    const auto first = canonical(*ring);
    request();
    ASSERT_TRUE(ring->advance(kStart).ok());
    const auto other = *protocol::SecretKey::generate(Algorithm::ES256);
    ASSERT_EQ(writeFile(key_ + ".next", other.toPem(), 0600, false), "");
    ASSERT_TRUE(ring->advance(kStart + kLead).ok());
    EXPECT_EQ(canonical(*ring), first);
    EXPECT_EQ(read().others.at(0).key.canonical(), other.publicKey()->canonical());
    EXPECT_EQ(*ring->advance(kStart + 2 * kLead - 1), "");
    EXPECT_NE(*ring->advance(kStart + 2 * kLead), "");
    EXPECT_EQ(canonical(*ring), other.publicKey()->canonical());
}

TEST_F(Ring, ReadersSeeAChangeOnce) {
    const auto ring = opened(kStart);
    PublicFile file(public_);
    EXPECT_EQ(file.keys(), nullptr);
    EXPECT_TRUE(*file.refresh());
    EXPECT_FALSE(*file.refresh());
    request();
    EXPECT_TRUE(ring->advance(kStart).ok());
    EXPECT_TRUE(*file.refresh());
    EXPECT_EQ(file.keys()->all().size(), 2u);
    // A damaged file leaves what was known, and says so.
    ASSERT_EQ(writeFile(public_, "[]", 0644, false), "");
    EXPECT_FALSE(file.refresh().ok());
    EXPECT_EQ(file.keys()->all().size(), 2u);
    EXPECT_FALSE(PublicFile(directory_ + "/none").refresh().ok());
}

TEST(PublicKeysText, RefusesWhatIsNotOne) {
    const auto key = protocol::SecretKey::generate(Algorithm::ES256)->publicKey()->canonical();
    const auto wrap = [&](const std::string& rest) {
        return "{\"public-key\":" + key + ",\"created\":5" + rest + "}";
    };
    EXPECT_TRUE(parsePublicKeys(wrap("")).ok());
    EXPECT_TRUE(parsePublicKeys(wrap(",\"keys\":[]")).ok());
    for (const auto& bad :
         {std::string("[]"), std::string("{}"), "{\"public-key\":" + key + "}",
          std::string(R"({"public-key":{},"created":1})"), wrap(",\"keys\":{}"),
          wrap(",\"keys\":[{}]"),
          wrap(",\"keys\":[{\"public-key\":" + key + ",\"created\":1,\"state\":\"old\"}]"),
          wrap(",\"keys\":[{\"public-key\":" + key +
               ",\"created\":1,\"state\":\"previous\",\"until\":-1}]")})
        EXPECT_FALSE(parsePublicKeys(bad).ok()) << bad;
}

}  // namespace
}  // namespace persona::domainkey
