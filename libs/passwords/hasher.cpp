#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <memory>
#include <optional>

#include "libs/passwords/passwords.h"

namespace persona::passwords {

namespace {

// Stands before hashes of base64(HMAC-SHA-256(secret, password)); what follows is the hash's own
// text.
constexpr std::string_view kMarker = "hmac-sha256:";
constexpr std::size_t kMaxStored = 255;
constexpr std::size_t kSaltOctets = 16;
constexpr std::size_t kTagOctets = 32;
constexpr std::size_t kBcryptTag = 31;  // letters
constexpr std::uint32_t kMaxArgonKib = 4'194'304;

/// A copy of a secret that is wiped when it goes.
struct Wiped {
    std::string text;
    explicit Wiped(std::string t) : text(std::move(t)) {}
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ~Wiped() { OPENSSL_cleanse(text.data(), text.size()); }
};

bool isBcrypt(std::string_view text) {
    return text.size() == 60 && text[0] == '$' && text[1] == '2' &&
           (text[2] == 'a' || text[2] == 'b' || text[2] == 'y') && text[3] == '$' && text[6] == '$';
}

/// -1: none.
int bcryptCost(std::string_view text) {
    if (!isBcrypt(text) || text[4] < '0' || text[4] > '3' || text[5] < '0' || text[5] > '9')
        return -1;
    return (text[4] - '0') * 10 + (text[5] - '0');
}

struct Argon {
    std::uint32_t kib = 0, passes = 0, lanes = 0;
};

std::optional<Argon> argonSettings(std::string_view text) {
    Argon out;
    const auto take = [&](std::string_view before, std::uint32_t& number) {
        if (!text.starts_with(before)) return false;
        text.remove_prefix(before.size());
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        return error == std::errc{};
    };
    if (!take("$argon2id$v=19$m=", out.kib) || !take(",t=", out.passes) ||
        !take(",p=", out.lanes) || !text.starts_with('$'))
        return std::nullopt;
    return out;
}

/// libxcrypt's crypt with working memory of its own, wiped afterwards. Empty: it refused.
std::string cryptWith(const std::string& phrase, const std::string& setting) {
    const auto data = std::make_unique<crypt_data>();
    *data = {};
    const char* made = crypt_r(phrase.c_str(), setting.c_str(), data.get());
    std::string out = made != nullptr && made[0] == '$' ? made : "";
    OPENSSL_cleanse(data.get(), sizeof(crypt_data));
    return out;
}

std::uint64_t bcryptWork(int cost) {
    return std::uint64_t{1} << cost;
}

std::uint64_t argonWork(std::uint32_t kib, std::uint32_t passes) {
    return std::uint64_t{kib} * passes;
}

bool equal(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool verifyBcrypt(const std::string& phrase, std::string_view stored) {
    // $2a$ of the original is what OpenBSD calls $2b$; libxcrypt's own $2a$ differs from both for
    // some passwords outside ASCII. The three write the same text behind the prefix.
    std::string setting(stored);
    setting[2] = 'b';
    return equal(cryptWith(phrase, setting), setting);
}

std::string hashArgon(const std::string& phrase, const Options& options) {
    std::array<unsigned char, kSaltOctets> salt{};
    if (RAND_bytes(salt.data(), salt.size()) != 1) return {};
    std::array<char, 200> out{};
    const int code = argon2id_hash_encoded(options.argon2_passes, options.argon2_kib, 1,
                                           phrase.data(), phrase.size(), salt.data(), salt.size(),
                                           kTagOctets, out.data(), out.size());
    return code == ARGON2_OK ? std::string(out.data()) : std::string();
}

/// `$2b$`, the cost and the salt; empty when libcrypt has no such thing.
std::string bcryptSetting(const std::array<unsigned char, kSaltOctets>& salt, int cost) {
    std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
    if (crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost),
                         reinterpret_cast<const char*>(salt.data()), salt.size(), setting.data(),
                         setting.size()) == nullptr)
        return {};
    return setting.data();
}

std::string hashBcrypt(const std::string& phrase, int cost) {
    std::array<unsigned char, kSaltOctets> salt{};
    if (RAND_bytes(salt.data(), salt.size()) != 1) return {};
    const auto setting = bcryptSetting(salt, cost);
    return setting.empty() ? std::string() : cryptWith(phrase, setting);
}

/// Base64 as argon2's texts have it.
template <std::size_t N>
std::string unpadded(const std::array<unsigned char, N>& octets) {
    std::array<unsigned char, (N + 2) / 3 * 4 + 1> text{};
    const int n = EVP_EncodeBlock(text.data(), octets.data(), static_cast<int>(N));
    std::string out(reinterpret_cast<const char*>(text.data()), static_cast<std::size_t>(n));
    while (!out.empty() && out.back() == '=') out.pop_back();
    return out;
}

}  // namespace

Result<Hasher> Hasher::create(Options options) {
    const auto wrong = [](const std::string& what) { return Error{"passwords: " + what}; };
    if (options.bcrypt_cost < 4 || options.bcrypt_cost > 31)
        return wrong("bcrypt cost must be 4 to 31 (2^cost rounds)");
    if (options.argon2_kib < 8 || options.argon2_kib > kMaxArgonKib)
        return wrong("argon2 memory must be 8 to 4194304 kibibytes");
    if (options.argon2_passes < 1 || options.argon2_passes > 1000)
        return wrong("argon2 passes must be 1 to 1000");
    if (options.secret.size() < 32)
        return wrong("the deployment's secret must have at least 32 octets");
    Hasher hasher(std::move(options));
    hasher.dummy_ = hasher.hashOfNobody();
    if (hasher.dummy_.empty())
        return wrong("this machine's libcrypt makes no such hash, or there is no randomness");
    return hasher;
}

Hasher::~Hasher() {
    OPENSSL_cleanse(options_.secret.data(), options_.secret.size());
}

void Hasher::tell(std::uint64_t cost) const {
    if (options_.on_work) options_.on_work(cost);
}

std::string Hasher::prehash(std::string_view password) const {
    std::array<unsigned char, 32> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), options_.secret.data(), static_cast<int>(options_.secret.size()),
             reinterpret_cast<const unsigned char*>(password.data()), password.size(), mac.data(),
             &size) == nullptr)
        return {};
    std::array<unsigned char, 45> text{};
    EVP_EncodeBlock(text.data(), mac.data(), static_cast<int>(mac.size()));
    std::string out(reinterpret_cast<const char*>(text.data()), 44);
    OPENSSL_cleanse(mac.data(), mac.size());
    OPENSSL_cleanse(text.data(), text.size());
    return out;
}

Result<std::string> Hasher::hash(std::string_view password) const {
    if (const auto problem = problemOf(password); !problem.empty())
        return Error{"passwords: the password " + std::string(problem)};
    const Wiped phrase(prehash(password));
    std::string made;
    if (!phrase.text.empty())
        made = options_.scheme == Scheme::Argon2id ? hashArgon(phrase.text, options_)
                                                   : hashBcrypt(phrase.text, options_.bcrypt_cost);
    tell(options_.scheme == Scheme::Argon2id
             ? argonWork(options_.argon2_kib, options_.argon2_passes)
             : bcryptWork(options_.bcrypt_cost));
    if (made.empty()) return Error{"passwords: hashing failed (out of memory, or no randomness)"};
    return std::string(kMarker) + made;
}

bool Hasher::verify(std::string_view password, std::string_view stored) const {
    if (!problemOf(password).empty() || stored.size() > kMaxStored ||
        stored.find('\0') != std::string_view::npos)
        return false;
    const bool marked = stored.starts_with(kMarker);
    if (marked) stored.remove_prefix(kMarker.size());
    const Wiped phrase(marked ? prehash(password) : std::string(password));
    if (phrase.text.empty()) return false;
    if (isBcrypt(stored)) {
        const int cost = bcryptCost(stored);
        if (cost < 4 || cost > 31) return false;
        tell(bcryptWork(cost));
        return verifyBcrypt(phrase.text, stored);
    }
    const std::string text(stored);
    const auto settings = argonSettings(text);
    // What a row could ask for is bounded, or one row could take all memory.
    if (!settings || settings->kib > kMaxArgonKib || settings->passes > 1000 ||
        settings->lanes > 64)
        return false;
    tell(argonWork(settings->kib, settings->passes));
    return argon2id_verify(text.c_str(), phrase.text.data(), phrase.text.size()) == ARGON2_OK;
}

std::string Hasher::hashOfNobody() const {
    std::array<unsigned char, kSaltOctets> salt{};
    std::array<unsigned char, kTagOctets> tag{};
    if (RAND_bytes(salt.data(), salt.size()) != 1 || RAND_bytes(tag.data(), tag.size()) != 1)
        return {};
    if (options_.scheme == Scheme::Argon2id)
        return std::string(kMarker) + "$argon2id$v=19$m=" + std::to_string(options_.argon2_kib) +
               ",t=" + std::to_string(options_.argon2_passes) + ",p=1$" + unpadded(salt) + "$" +
               unpadded(tag);
    auto text = bcryptSetting(salt, options_.bcrypt_cost);
    if (crypt_checksalt(text.c_str()) != CRYPT_SALT_OK) return {};
    static constexpr std::string_view kLetters =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (std::size_t i = 0; i < kBcryptTag; ++i) text += kLetters[tag[i] % kLetters.size()];
    return std::string(kMarker) + text;
}

void Hasher::verifyDummy(std::string_view password) const {
    // An odd password must take its time too.
    (void)verify(problemOf(password).empty() ? password : "a password of nobody", dummy_);
}

bool Hasher::needsRehash(std::string_view stored) const {
    if (!stored.starts_with(kMarker)) return true;
    stored.remove_prefix(kMarker.size());
    if (options_.scheme == Scheme::Bcrypt)
        return !stored.starts_with("$2b$") || bcryptCost(stored) != options_.bcrypt_cost;
    const auto settings = argonSettings(stored);
    return !settings || settings->kib != options_.argon2_kib ||
           settings->passes != options_.argon2_passes || settings->lanes != 1;
}

}  // namespace persona::passwords
