#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "libs/domainkey/pkcs11_module.h"
#include "libs/protocol/token.h"
#include "tests/libs/domainkey/token_fixture.h"

/// Rotation in a PKCS#11 token when something fails in the middle of it: SoftHSM, whose calls are
/// made to fail one by one.
namespace persona::domainkey {
namespace {

using protocol::Algorithm;
using testing::kModule;
using testing::kPin;
using testing::kStart;

constexpr std::int64_t kDue = kStart + 2'000;  // after the lead

/// SoftHSM's own table of calls, which every user of it in this process goes through.
CK_FUNCTION_LIST& calls() {
    static CK_FUNCTION_LIST* const kList = [] {
        CK_FUNCTION_LIST* list = nullptr;
        void* library = ::dlopen(kModule, RTLD_NOW | RTLD_LOCAL);
        reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"))(&list);
        return list;
    }();
    return *kList;
}

/// While it lives, one change of the token's objects fails: that after `good` others.
class Fault {
  public:
    explicit Fault(int good) {
        left_ = good;
        calls().C_DestroyObject = [](CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o) {
            return left_-- == 0 ? CKR_DEVICE_ERROR : real_.C_DestroyObject(s, o);
        };
        calls().C_SetAttributeValue = [](CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE* a,
                                         CK_ULONG n) {
            return left_-- == 0 ? CKR_DEVICE_ERROR : real_.C_SetAttributeValue(s, o, a, n);
        };
    }
    ~Fault() { calls() = real_; }
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;

  private:
    static inline const CK_FUNCTION_LIST real_ = calls();
    static inline int left_ = 0;
};

class TokenRotation : public testing::Token, public ::testing::WithParamInterface<Algorithm> {
  protected:
    static std::string labelOf(const std::string& test) {
        return test + "-" + std::string(nameOf(GetParam()));
    }
    std::unique_ptr<KeyRing> opened(const std::string& label, std::int64_t now) {
        auto ring = open(label, GetParam(), now);
        EXPECT_TRUE(ring.ok()) << ring.error();
        return ring.ok() ? std::move(*ring) : nullptr;
    }
    static void request(const std::string& label) { std::ofstream(options(label).request_file); }
    /// Makes the next key and publishes it; its canonical text.
    static std::string next(KeyRing& ring, const std::string& label) {
        request(label);
        const auto made = ring.advance(kStart + 1);
        EXPECT_TRUE(made.ok()) << made.error();
        EXPECT_EQ(ring.published()->others.size(), 1u);
        return ring.published()->others.at(0).key.canonical();
    }
    static std::string publicFile(const std::string& label) {
        return directory_ + "/" + label + ".json";
    }
    /// While it lives, the public file cannot be written: by root neither.
    struct Unwritable {
        explicit Unwritable(const std::string& label)
            : temp(publicFile(label) + ".new-" + std::to_string(::getpid())) {
            EXPECT_EQ(::mkdir(temp.c_str(), 0700), 0);
        }
        ~Unwritable() { EXPECT_EQ(::rmdir(temp.c_str()), 0); }
        Unwritable(const Unwritable&) = delete;
        Unwritable& operator=(const Unwritable&) = delete;
        const std::string temp;
    };
    static void expectSigns(const DomainKey& key, const std::string& when) {
        const auto signature = key.signer->sign("x");
        ASSERT_TRUE(signature.ok()) << when << ": " << signature.error();
        EXPECT_EQ(key.public_key.verify("x", *signature), protocol::PublicKey::Verdict::Good)
            << when;
    }
    static std::shared_ptr<Pkcs11Token> token() {
        auto opened = Pkcs11Token::open(kModule, "persona", kPin);
        EXPECT_TRUE(opened.ok()) << opened.error();
        return *opened;
    }
    /// Whether there is one; two of them are an error.
    static bool has(Pkcs11Token& token, CK_OBJECT_CLASS kind, const std::string& label) {
        const auto found = token.find(kind, label);
        EXPECT_TRUE(found.ok()) << found.error();
        return found.ok() && found->has_value();
    }
    static void destroy(CK_OBJECT_CLASS kind, const std::string& label) {
        const auto t = token();
        const Pkcs11Token::Session session(*t);
        ASSERT_EQ(calls().C_DestroyObject(session.handle(), **t->find(kind, label)), CKR_OK);
    }
    static void relabel(CK_OBJECT_CLASS kind, const std::string& from, std::string to) {
        const auto t = token();
        const Pkcs11Token::Session session(*t);
        CK_ATTRIBUTE a{CKA_LABEL, to.data(), static_cast<CK_ULONG>(to.size())};
        ASSERT_EQ(calls().C_SetAttributeValue(session.handle(), **t->find(kind, from), &a, 1),
                  CKR_OK);
    }
    /// The rotation is over: one pair, which is that one.
    static void expectDone(const KeyRing& ring, const std::string& label, const std::string& key) {
        EXPECT_EQ(ring.current()->public_key.canonical(), key) << label;
        expectSigns(*ring.current(), label);
        const auto t = token();
        for (const auto kind : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
            EXPECT_TRUE(has(*t, kind, label)) << label;
            EXPECT_FALSE(has(*t, kind, label + ".next")) << label;
        }
        EXPECT_EQ(parsePublicKeys(*readFile(publicFile(label)))->current.canonical(), key) << label;
    }
};

INSTANTIATE_TEST_SUITE_P(Each, TokenRotation, ::testing::Values(Algorithm::RS256, Algorithm::ES256),
                         [](const auto& p) { return std::string(nameOf(p.param)); });

constexpr int kChanges = 4;  // of a promotion: two objects go, two get another label

TEST_P(TokenRotation, AChangeThatFailsIsMadeTheNextTime) {
    const auto label = labelOf("again");
    const auto ring = opened(label, kStart);
    const auto second = next(*ring, label);
    for (int made = 0; made < kChanges; ++made) {
        const Fault fault(made == 0 ? 0 : 1);
        ASSERT_FALSE(ring->advance(kDue + made).ok()) << made;
        expectSigns(*ring->current(), std::to_string(made));
    }
    const auto promoted = ring->advance(kDue + kChanges);
    ASSERT_TRUE(promoted.ok()) << promoted.error();
    expectDone(*ring, label, second);
    EXPECT_EQ(*ring->advance(kDue + kChanges + 1), "");
}

TEST_P(TokenRotation, AStartFinishesWhatACrashInterrupted) {
    for (int good = 0; good < kChanges; ++good) {
        const auto label = labelOf("crash-" + std::to_string(good));
        std::string first, second;
        {
            const auto ring = opened(label, kStart);
            first = ring->current()->public_key.canonical();
            second = next(*ring, label);
            const Fault fault(good);
            ASSERT_FALSE(ring->advance(kDue).ok()) << label;
        }
        const auto ring = opened(label, kDue + 1);
        ASSERT_NE(ring, nullptr) << label;
        expectSigns(*ring->current(), label);
        const auto promoted = ring->advance(kDue + 2);
        ASSERT_TRUE(promoted.ok()) << label << ": " << promoted.error();
        expectDone(*ring, label, second);
        ASSERT_EQ(ring->published()->others.size(), 1u) << label;
        EXPECT_EQ(ring->published()->others[0].key.canonical(), first) << label;
    }
}

/// As earlier versions left it: both old halves destroyed, the public half labelled first.
TEST_P(TokenRotation, AStartFinishesAPromotionInTheOtherOrder) {
    const auto label = labelOf("order");
    std::string second;
    {
        const auto ring = opened(label, kStart);
        second = next(*ring, label);
        destroy(CKO_PRIVATE_KEY, label);
        destroy(CKO_PUBLIC_KEY, label);
        relabel(CKO_PUBLIC_KEY, label + ".next", label);
    }
    expectDone(*opened(label, kDue), label, second);
}

TEST_P(TokenRotation, APublicFileThatCannotBeWrittenCostsNoKey) {
    const auto label = labelOf("unwritable");
    const auto ring = opened(label, kStart);
    const auto second = next(*ring, label);
    {
        const Unwritable file(label);
        for (int i = 0; i < 3; ++i) {
            EXPECT_FALSE(ring->advance(kDue + i).ok());
            expectSigns(*ring->current(), label);
        }
    }
    const auto promoted = ring->advance(kDue + 9);
    ASSERT_TRUE(promoted.ok()) << promoted.error();
    expectDone(*ring, label, second);
}

TEST_P(TokenRotation, ABrokenPublicFileCostsNoKey) {
    const auto label = labelOf("broken");
    const auto ring = opened(label, kStart);
    const auto second = next(*ring, label);
    const auto good = *readFile(publicFile(label));
    ASSERT_EQ(writeFile(publicFile(label), "{", 0644, false), "");
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(ring->advance(kDue + i).ok());
    ASSERT_EQ(writeFile(publicFile(label), good, 0644, false), "");
    const auto promoted = ring->advance(kDue + 9);
    ASSERT_TRUE(promoted.ok()) << promoted.error();
    expectDone(*ring, label, second);
}

TEST_P(TokenRotation, OneNextKeyHoweverOftenItsPublicationFails) {
    const auto label = labelOf("one");
    const auto ring = opened(label, kStart);
    request(label);
    {
        const Unwritable file(label);
        for (int i = 0; i < 3; ++i) EXPECT_FALSE(ring->advance(kStart + i).ok());
    }
    const auto made = ring->advance(kStart + 9);
    ASSERT_TRUE(made.ok()) << made.error();
    ASSERT_EQ(ring->published()->others.size(), 1u) << "the request is not forgotten";
    const auto t = token();
    EXPECT_TRUE(has(*t, CKO_PRIVATE_KEY, label + ".next"));
    EXPECT_TRUE(has(*t, CKO_PUBLIC_KEY, label + ".next"));
}

TEST_P(TokenRotation, ASlotThatHasAKeyKeepsIt) {
    const auto label = labelOf("slot");
    const auto ring = opened(label, kStart);
    const auto store = pkcs11KeyStore(options(label), kPin);
    ASSERT_TRUE(store.ok()) << store.error();
    EXPECT_EQ((*store)->generate(Slot::Current, GetParam()), "");
    const auto key = (*store)->load(Slot::Current, kStart);
    ASSERT_TRUE(key.ok()) << key.error();
    EXPECT_EQ((*key)->public_key.canonical(), ring->current()->public_key.canonical());
}

/// Making a pair may be interrupted between its halves too.
TEST_P(TokenRotation, APublicHalfAloneIsNoNextKey) {
    const auto label = labelOf("half");
    std::string first, half;
    {
        const auto ring = opened(label, kStart);
        first = ring->current()->public_key.canonical();
        half = next(*ring, label);
        destroy(CKO_PRIVATE_KEY, label + ".next");
    }
    const auto ring = opened(label, kDue);
    ASSERT_NE(ring, nullptr);
    EXPECT_EQ(ring->current()->public_key.canonical(), first);
    EXPECT_TRUE(ring->published()->others.empty());
    request(label);
    ASSERT_TRUE(ring->advance(kDue + 1).ok());
    ASSERT_EQ(ring->published()->others.size(), 1u);
    const auto second = ring->published()->others[0].key.canonical();
    EXPECT_NE(second, half);
    ASSERT_TRUE(ring->advance(kDue + 5'000).ok());
    expectDone(*ring, label, second);
}

TEST_P(TokenRotation, APublicHalfAloneTakesNoPlace) {
    const auto label = labelOf("alone");
    const auto ring = opened(label, kStart);
    const auto first = ring->current()->public_key.canonical();
    next(*ring, label);
    destroy(CKO_PRIVATE_KEY, label + ".next");
    const auto said = ring->advance(kDue);
    ASSERT_TRUE(said.ok()) << said.error();
    EXPECT_EQ(ring->current()->public_key.canonical(), first);
    expectSigns(*ring->current(), label);
    EXPECT_TRUE(ring->published()->others.empty());
    EXPECT_TRUE(has(*token(), CKO_PUBLIC_KEY, label + ".next")) << "not the current one's";
}

TEST_P(TokenRotation, AKeyIsNotPublishedWithAnotherOnesPublicHalf) {
    const auto label = labelOf("mixed");
    {
        const auto ring = opened(label, kStart);
        next(*ring, label);
    }
    for (const auto& [from, to] : {std::pair{label, label + ".x"}, {label + ".next", label}})
        relabel(CKO_PUBLIC_KEY, from, to);
    const auto ring = open(label, GetParam(), kDue);
    if (GetParam() == Algorithm::RS256) {  // its private half says what the public one is
        ASSERT_TRUE(ring.ok()) << ring.error();
        expectSigns(*(*ring)->current(), label);
    } else {
        ASSERT_FALSE(ring.ok());
        EXPECT_NE(ring.error().find("'" + label + "'"), std::string::npos) << ring.error();
    }
}

/// Four threads that sign all the time; `changing` says that an object is written now.
struct Signers {
    static constexpr int kThreads = 4;
    static inline std::atomic<int> inside{0}, failed{0}, overlaps{0};
    static inline std::atomic<bool> changing{false}, stop{false};
    static inline CK_FUNCTION_LIST real;

    /// An object is written only when every thread wants to sign.
    static CK_RV change(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE* a, CK_ULONG n) {
        changing = true;
        while (inside < kThreads) std::this_thread::yield();
        const CK_RV rv = real.C_SetAttributeValue(s, o, a, n);
        changing = false;
        return rv;
    }
    static CK_RV begin(CK_SESSION_HANDLE s, CK_MECHANISM* m, CK_OBJECT_HANDLE o) {
        if (changing) ++overlaps;
        return real.C_SignInit(s, m, o);
    }
    static void run(const KeyRing& ring) {
        while (!stop) {
            const auto key = ring.current();
            ++inside;
            if (!key->signer->sign("x") && key == ring.current()) ++failed;
            --inside;
        }
    }
};

TEST_P(TokenRotation, NobodySignsWhileAnObjectIsWritten) {
    const auto label = labelOf("written");
    const auto ring = opened(label, kStart);
    const auto second = next(*ring, label);
    Signers::stop = false;
    Signers::failed = Signers::overlaps = 0;
    Signers::real = calls();
    calls().C_SetAttributeValue = Signers::change;
    calls().C_SignInit = Signers::begin;
    std::vector<std::thread> threads;
    for (int i = 0; i < Signers::kThreads; ++i)
        threads.emplace_back(Signers::run, std::cref(*ring));
    const auto promoted = ring->advance(kDue);
    Signers::stop = true;
    for (auto& t : threads) t.join();
    calls() = Signers::real;
    ASSERT_TRUE(promoted.ok()) << promoted.error();
    EXPECT_EQ(Signers::overlaps, 0);
    EXPECT_EQ(Signers::failed, 0);
    expectDone(*ring, label, second);
}

/// The token's store, with a look at the ring when a promotion is over and nothing is loaded yet.
class Watched final : public KeyStore {
  public:
    Watched(std::unique_ptr<KeyStore> store, std::function<void()> look)
        : store_(std::move(store)), look_(std::move(look)) {}
    Result<std::shared_ptr<const DomainKey>> load(Slot slot, std::int64_t now_ms) override {
        return store_->load(slot, now_ms);
    }
    std::string generate(Slot slot, Algorithm algorithm) override {
        return store_->generate(slot, algorithm);
    }
    std::string promote() override {
        auto error = store_->promote();
        look_();
        return error;
    }
    bool takeRequest() override { return store_->takeRequest(); }

  private:
    const std::unique_ptr<KeyStore> store_;
    const std::function<void()> look_;
};

TEST_P(TokenRotation, SignsAtEveryMomentOfAPromotion) {
    const auto label = labelOf("moment");
    auto store = pkcs11KeyStore(options(label), kPin);
    ASSERT_TRUE(store.ok()) << store.error();
    RingOptions o;
    o.public_file = publicFile(label);
    o.algorithm = GetParam();
    o.lead_ms = 1'000;
    int looks = 0;
    KeyRing* seen = nullptr;
    const auto ring =
        KeyRing::open(std::make_unique<Watched>(std::move(*store),
                                                [&] {
                                                    ++looks;
                                                    expectSigns(*seen->current(), label);
                                                }),
                      o, kStart);
    ASSERT_TRUE(ring.ok()) << ring.error();
    seen = ring->get();
    const auto second = next(*seen, label);
    ASSERT_TRUE(seen->advance(kDue).ok());
    EXPECT_EQ(looks, 1);
    expectDone(*seen, label, second);
}

}  // namespace
}  // namespace persona::domainkey
