#include "libs/protocol/evp.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace persona::protocol::detail {

namespace {

const EVP_MD* sha256() {
    static EVP_MD* const kMd = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return kMd;
}
const EVP_MD* sha1() {
    static EVP_MD* const kMd = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    return kMd;
}

struct MdCtx {
    EVP_MD_CTX* ctx = EVP_MD_CTX_new();
    MdCtx() = default;
    ~MdCtx() { EVP_MD_CTX_free(ctx); }
    MdCtx(const MdCtx&) = delete;
    MdCtx& operator=(const MdCtx&) = delete;
};

/// One digest context for each thread; initialising it again with the same digest is cheap.
EVP_MD_CTX* digestContext() {
    thread_local MdCtx context;
    return context.ctx;
}

unsigned slotOfThread() {
    static std::atomic<unsigned> next{0};
    thread_local const unsigned slot = next.fetch_add(1, std::memory_order_relaxed);
    return slot;
}

/// Makes EVP_PKEYs of one type; the context is kept, one for each thread.
EVP_PKEY* fromData(PkeyCtx& ctx, const char* type, int selection, OSSL_PARAM* params) {
    if (!ctx) {
        ctx.reset(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
        if (!ctx || EVP_PKEY_fromdata_init(ctx.get()) != 1) {
            ctx.reset();
            return nullptr;
        }
    }
    EVP_PKEY* key = nullptr;
    if (EVP_PKEY_fromdata(ctx.get(), &key, selection, params) != 1) {
        EVP_PKEY_free(key);
        return nullptr;
    }
    return key;
}

EVP_PKEY* rsaPkey(const RsaNumbers& numbers) {
    auto exponent = numbers.exponent;
    auto modulus = numbers.modulus;
    if constexpr (std::endian::native == std::endian::big) {
        std::reverse(exponent.begin(), exponent.end());
        std::reverse(modulus.begin(), modulus.end());
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus.data(), modulus.size()),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, exponent.data(), exponent.size()),
        OSSL_PARAM_construct_end()};
    thread_local PkeyCtx ctx;
    return fromData(ctx, "RSA", EVP_PKEY_PUBLIC_KEY, params);
}

EVP_PKEY* dsaPkey(const Group& group, const BIGNUM* y) {
    auto number = toNative(y);
    const auto param = [](const char* name, const std::vector<unsigned char>& octets) {
        return OSSL_PARAM_construct_BN(name, const_cast<unsigned char*>(octets.data()),
                                       octets.size());
    };
    OSSL_PARAM params[] = {param(OSSL_PKEY_PARAM_FFC_P, group.p_native),
                           param(OSSL_PKEY_PARAM_FFC_Q, group.q_native),
                           param(OSSL_PKEY_PARAM_FFC_G, group.g_native),
                           param(OSSL_PKEY_PARAM_PUB_KEY, number), OSSL_PARAM_construct_end()};
    thread_local PkeyCtx ctx;
    return fromData(ctx, "DSA", EVP_PKEY_PUBLIC_KEY, params);
}

/// SHA-256 DigestInfo with NULL parameters (SIG-1), in front of the hash.
constexpr std::array<std::uint8_t, 19> kSha256Info{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                                   0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                   0x01, 0x05, 0x00, 0x04, 0x20};

const unsigned char* octetsOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// The P-256 key of this thread, and the point that it has now.
struct P256 {
    Pkey key;
    PkeyCtx ctx;
    Point point{};
    bool set = false;

    P256() {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                             const_cast<char*>("prime256v1"), 0),
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, base().data(), 65),
            OSSL_PARAM_construct_end()};
        PkeyCtx make;
        key.reset(fromData(make, "EC", EVP_PKEY_PUBLIC_KEY, params));
        if (!key) return;
        ctx.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
        if (!ctx || EVP_PKEY_verify_init(ctx.get()) != 1) ctx.reset();
    }
    /// The generator: any point will do until the first real one comes.
    static Point& base() {
        static Point kBase = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc,
                              0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d,
                              0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
                              0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb,
                              0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
                              0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
        return kBase;
    }
    bool use(const Point& wanted) {
        if (!ctx) return false;
        if (set && point == wanted) return true;
        // OpenSSL refuses coordinates beyond the field and points off the curve; the curve has no
        // other subgroup, so nothing more is to be checked.
        set = EVP_PKEY_set1_encoded_public_key(key.get(), wanted.data(), wanted.size()) == 1;
        point = wanted;
        if (!set) ERR_clear_error();
        return set;
    }
    static P256& ofThread() {
        thread_local P256 p;
        return p;
    }
};

bool verifyEd25519(EVP_PKEY* key, std::string_view message, std::string_view signature) {
    EVP_MD_CTX* ctx = EVP_MD_CTX_new();
    const bool good = ctx != nullptr &&
                      EVP_DigestVerifyInit(ctx, nullptr, nullptr, nullptr, key) == 1 &&
                      EVP_DigestVerify(ctx, octetsOf(signature), signature.size(),
                                       octetsOf(message), message.size()) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

}  // namespace

Digest sha256Of(std::initializer_list<std::string_view> parts) {
    Digest out{};
    EVP_MD_CTX* ctx = digestContext();
    EVP_DigestInit_ex2(ctx, sha256(), nullptr);
    for (const auto part : parts) {
        const std::uint64_t size = part.size();
        EVP_DigestUpdate(ctx, &size, sizeof size);
        EVP_DigestUpdate(ctx, part.data(), part.size());
    }
    EVP_DigestFinal_ex(ctx, out.data(), nullptr);
    return out;
}

std::size_t hashFor(Algorithm algorithm, std::string_view message, Digest& out) {
    unsigned size = 0;
    EVP_MD_CTX* ctx = digestContext();
    const EVP_MD* md = algorithm == Algorithm::DS128 ? sha1() : sha256();
    if (EVP_DigestInit_ex2(ctx, md, nullptr) != 1 ||
        EVP_DigestUpdate(ctx, message.data(), message.size()) != 1 ||
        EVP_DigestFinal_ex(ctx, out.data(), &size) != 1)
        return 0;
    return size;
}

Contexts::~Contexts() {
    for (auto& slot : idle_) EVP_PKEY_CTX_free(slot.load());
}

PkeyCtx Contexts::take() const {
    return PkeyCtx(
        idle_[slotOfThread() % idle_.size()].exchange(nullptr, std::memory_order_acquire));
}

void Contexts::put(PkeyCtx ctx) const {
    EVP_PKEY_CTX_free(
        idle_[slotOfThread() % idle_.size()].exchange(ctx.release(), std::memory_order_acq_rel));
}

bool verifyP256(const Point& point, const Digest& hash, std::string_view der) {
    auto& p = P256::ofThread();
    const bool good = p.use(point) && EVP_PKEY_verify(p.ctx.get(), octetsOf(der), der.size(),
                                                      hash.data(), hash.size()) == 1;
    if (!good) ERR_clear_error();
    return good;
}

VerifyKey::~VerifyKey() {
    EVP_PKEY_free(pkey_.load());
}

std::pair<std::string, std::string> VerifyKey::rsaOctets() const {
    const auto& [modulus, exponent] = std::get<RsaNumbers>(numbers_);
    std::string e(exponent.rbegin(), exponent.rend());
    return {{modulus.rbegin(), modulus.rend()}, e.substr(e.find_first_not_of('\0'))};
}

EVP_PKEY* VerifyKey::pkey(Algorithm algorithm) const {
    EVP_PKEY* key = pkey_.load(std::memory_order_acquire);
    if (key != nullptr) return key;
    switch (algorithm) {
        case Algorithm::DS128:
        case Algorithm::DS256:
            key = dsaPkey(algorithm == Algorithm::DS128 ? groupDs128() : groupDs256(),
                          std::get<Bn>(numbers_).get());
            break;
        case Algorithm::Ed25519:
            key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                              std::get<Point>(numbers_).data(), 32);
            break;
        default:
            key = rsaPkey(std::get<RsaNumbers>(numbers_));
            break;
    }
    EVP_PKEY* first = nullptr;
    if (key == nullptr || pkey_.compare_exchange_strong(first, key, std::memory_order_acq_rel))
        return key;
    EVP_PKEY_free(key);  // another thread was first
    return first;
}

bool VerifyKey::verifyHash(Algorithm algorithm, std::string_view tbs,
                           std::string_view signature) const {
    auto ctx = contexts_.take();
    if (!ctx) {
        EVP_PKEY* key = pkey(algorithm);
        if (key == nullptr) return false;
        // No digest is set: RSA then compares all that the padding holds with `tbs`, which has the
        // DigestInfo already, and DSA takes `tbs` as the hash.
        ctx.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
        if (!ctx || EVP_PKEY_verify_init(ctx.get()) != 1) return false;
    }
    const bool good = EVP_PKEY_verify(ctx.get(), octetsOf(signature), signature.size(),
                                      octetsOf(tbs), tbs.size()) == 1;
    contexts_.put(std::move(ctx));
    return good;
}

PublicKey::Verdict VerifyKey::verify(Algorithm algorithm, std::string_view message,
                                     std::string_view signature) const {
    using Verdict = PublicKey::Verdict;
    if (signature.empty()) return Verdict::Bad;
    const auto verdict = [](bool good) {
        if (!good) ERR_clear_error();
        return good ? Verdict::Good : Verdict::Bad;
    };
    Digest hash{};
    const auto hashed = [&] {
        return std::string_view(reinterpret_cast<const char*>(hash.data()),
                                hashFor(algorithm, message, hash));
    };
    switch (algorithm) {
        case Algorithm::RS64:
        case Algorithm::RS128:
        case Algorithm::RS256: {
            const auto size = std::get<RsaNumbers>(numbers_).modulus.size();
            if (signature.size() > size) return Verdict::Bad;
            std::string padded;
            if (signature.size() < size) {
                padded.assign(size - signature.size(), '\0');
                signature = padded.append(signature);
            }
            std::array<char, kSha256Info.size() + 32> info;
            const auto digest = hashed();
            if (digest.size() != 32) return Verdict::Bad;
            std::memcpy(info.data(), kSha256Info.data(), kSha256Info.size());
            std::memcpy(info.data() + kSha256Info.size(), digest.data(), digest.size());
            return verdict(verifyHash(algorithm, {info.data(), info.size()}, signature));
        }
        case Algorithm::DS128:
        case Algorithm::DS256: {
            const bool small = algorithm == Algorithm::DS128;
            const std::size_t width = small ? 20 : 32;
            if (signature.size() > 2 * width) return Verdict::Malformed;
            const auto& order = (small ? groupDs128() : groupDs256()).q_octets;
            const auto der = rangeCheckedDer(signature, order);
            if (der.empty()) return Verdict::Bad;
            return verdict(verifyHash(algorithm, hashed(), der));
        }
        case Algorithm::ES256: {
            if (signature.size() != 64) return Verdict::Bad;
            const auto der = rangeCheckedDer(signature, p256Order());
            if (der.empty() || hashed().size() != 32) return Verdict::Bad;
            return verdict(verifyP256(std::get<Point>(numbers_), hash, der));
        }
        case Algorithm::Ed25519: {
            EVP_PKEY* key = signature.size() == 64 ? pkey(algorithm) : nullptr;
            return verdict(key != nullptr && verifyEd25519(key, message, signature));
        }
    }
    return Verdict::Bad;
}

std::size_t SignKey::sign(Algorithm algorithm, std::string_view message,
                          std::span<unsigned char> out) const {
    std::size_t size = out.size();
    bool good = false;
    if (algorithm == Algorithm::Ed25519) {
        EVP_MD_CTX* ctx = EVP_MD_CTX_new();
        good = ctx != nullptr &&
               EVP_DigestSignInit(ctx, nullptr, nullptr, nullptr, key.get()) == 1 &&
               EVP_DigestSign(ctx, out.data(), &size, octetsOf(message), message.size()) == 1;
        EVP_MD_CTX_free(ctx);
    } else {
        Digest hash{};
        const auto hash_size = hashFor(algorithm, message, hash);
        auto ctx = contexts_.take();
        if (!ctx) {
            ctx.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
            const bool ready =
                ctx && EVP_PKEY_sign_init(ctx.get()) == 1 &&
                EVP_PKEY_CTX_set_signature_md(
                    ctx.get(), algorithm == Algorithm::DS128 ? sha1() : sha256()) == 1;
            if (!ready) ctx.reset();
        }
        good = ctx && hash_size != 0 &&
               EVP_PKEY_sign(ctx.get(), out.data(), &size, hash.data(), hash_size) == 1;
        if (ctx) contexts_.put(std::move(ctx));
    }
    if (!good) ERR_clear_error();
    return good ? size : 0;
}

}  // namespace persona::protocol::detail
