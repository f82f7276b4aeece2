#include "libs/protocol/p256.h"

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <memory>

#include "libs/protocol/key_detail.h"

/// Our arithmetic against OpenSSL's, point by point.
namespace persona::protocol::detail {
namespace {

class P256 : public ::testing::Test {
  protected:
    using Group = std::unique_ptr<EC_GROUP, decltype(&EC_GROUP_free)>;
    using EcPoint = std::unique_ptr<EC_POINT, decltype(&EC_POINT_free)>;

    EcPoint ecPoint() const { return {EC_POINT_new(group_.get()), &EC_POINT_free}; }

    bool openSslSays(const Point& p) const {
        const auto at = ecPoint();
        const bool on =
            EC_POINT_oct2point(group_.get(), at.get(), p.data(), p.size(), nullptr) == 1;
        ERR_clear_error();
        return on;
    }

    Point octetsOf(const EC_POINT* p) const {
        Point out{};
        EC_POINT_point2oct(group_.get(), p, POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                           nullptr);
        return out;
    }

    Point multiple(const BIGNUM* n) const {
        const auto at = ecPoint();
        EC_POINT_mul(group_.get(), at.get(), n, nullptr, nullptr, nullptr);
        return octetsOf(at.get());
    }

    /// Both say the same, of the point and of its neighbours in every octet.
    void agree(const Point& p) const {
        ASSERT_EQ(isOnP256(p), openSslSays(p));
        for (std::size_t i = 0; i < p.size(); ++i) {
            Point other = p;
            other[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
            ASSERT_EQ(isOnP256(other), openSslSays(other)) << "octet " << i;
        }
    }

    Bn prime() const {
        Bn p(BN_new());
        EC_GROUP_get_curve(group_.get(), p.get(), nullptr, nullptr, nullptr);
        return p;
    }

    static void setX(Point& p, const BIGNUM* x) { BN_bn2binpad(x, p.data() + 1, 32); }

    const Group group_{EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), &EC_GROUP_free};
};

TEST_F(P256, MultiplesOfTheGenerator) {
    const Bn n(BN_new());
    for (unsigned i = 1; i <= 300; ++i) {
        BN_set_word(n.get(), i);
        const auto p = multiple(n.get());
        ASSERT_TRUE(isOnP256(p)) << i;
        agree(p);
    }
    for (int i = 0; i < 300; ++i) {
        BN_rand(n.get(), 256, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
        const auto p = multiple(n.get());
        ASSERT_TRUE(isOnP256(p));
        agree(p);
    }
}

/// The least and the greatest x, where carries and borrows run through.
TEST_F(P256, EveryXAtBothEnds) {
    const auto p = prime();
    int on = 0;
    for (const bool high : {false, true}) {
        for (unsigned i = 0; i < 500; ++i) {
            const Bn x(high ? BN_dup(p.get()) : BN_new());
            if (high)
                BN_sub_word(x.get(), i + 1);
            else
                BN_set_word(x.get(), i);
            for (const int odd : {0, 1}) {
                const auto at = ecPoint();
                Point octets{0x04};
                setX(octets, x.get());
                if (EC_POINT_set_compressed_coordinates(group_.get(), at.get(), x.get(), odd,
                                                        nullptr) == 1) {
                    octets = octetsOf(at.get());
                    ASSERT_TRUE(isOnP256(octets)) << i;
                    ++on;
                }
                ERR_clear_error();
                agree(octets);
            }
        }
    }
    EXPECT_GT(on, 800) << "about half of all x have points";
}

/// A coordinate has one spelling: x + p stands for x nowhere.
TEST_F(P256, CoordinatesBeyondThePrime) {
    const auto p = prime();
    int refused = 0;
    for (unsigned i = 0; i < 200; ++i) {
        const Bn x(BN_new());
        BN_set_word(x.get(), i);
        const auto at = ecPoint();
        if (EC_POINT_set_compressed_coordinates(group_.get(), at.get(), x.get(), 0, nullptr) == 1) {
            auto octets = octetsOf(at.get());
            BN_add(x.get(), x.get(), p.get());
            setX(octets, x.get());
            EXPECT_FALSE(isOnP256(octets)) << i;
            EXPECT_FALSE(openSslSays(octets)) << i;
            ++refused;
        }
        ERR_clear_error();
    }
    EXPECT_GT(refused, 60);
}

TEST_F(P256, NumbersWithoutAPoint) {
    Point none{0x04};
    EXPECT_FALSE(isOnP256(none)) << "0, 0";
    none.fill(0xff);
    none[0] = 0x04;
    EXPECT_FALSE(isOnP256(none));
    const Bn n(BN_new());
    for (int i = 0; i < 20'000; ++i) {
        Point any{0x04};
        BN_rand(n.get(), 512, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
        BN_bn2binpad(n.get(), any.data() + 1, 64);
        ASSERT_EQ(isOnP256(any), openSslSays(any));
    }
    BN_one(n.get());
    auto generator = multiple(n.get());
    for (const std::uint8_t form : {0x00, 0x02, 0x03, 0x05, 0x06, 0x07}) {
        generator[0] = form;
        EXPECT_FALSE(isOnP256(generator)) << "form " << int{form};
    }
}

}  // namespace
}  // namespace persona::protocol::detail
