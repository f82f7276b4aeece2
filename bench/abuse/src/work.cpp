#include "bench/abuse/src/work.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>
#include <cmath>

#include "bench/abuse/src/assertions.h"

namespace persona::abuse {

namespace {

constexpr unsigned kMaxBits = 22;  // beyond that nobody waits, nor does this machine

bool number(std::string_view text, unsigned& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

bool hasZeroBits(const std::array<unsigned char, 32>& hash, unsigned bits) {
    unsigned zeros = 0;
    for (const auto octet : hash) {
        if (octet == 0) {
            zeros += 8;
            continue;
        }
        for (unsigned mask = 128; (octet & mask) == 0; mask >>= 1) ++zeros;
        break;
    }
    return zeros >= bits;
}

std::array<unsigned char, 32> hashOf(const Puzzle& p, const std::string& salt,
                                     const std::string& nonce) {
    std::array<unsigned char, 32> out{};
    if (p.algorithm == "s256") {
        const auto text = salt + nonce;
        SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
    } else {
        PKCS5_PBKDF2_HMAC(nonce.data(), static_cast<int>(nonce.size()),
                          reinterpret_cast<const unsigned char*>(salt.data()),
                          static_cast<int>(salt.size()), static_cast<int>(p.iterations),
                          EVP_sha256(), static_cast<int>(out.size()), out.data());
    }
    return out;
}

Solver::Solved solveAll(const Puzzle& p, const std::stop_token& stop) {
    Solver::Solved out;
    const auto seed = decodeBase64(p.seed);
    const auto bits = p.bits < 2 ? 0 : p.bits - 2 + (p.algorithm == "s256" ? 8 : 0);
    std::string nonces;
    for (unsigned i = 0; i < p.parts; ++i) {
        const auto salt = seed + static_cast<char>(i);
        for (std::uint64_t n = 0;; ++n) {
            if (stop.stop_requested()) return out;
            out.calls += 1;
            const auto nonce = std::to_string(n);
            if (!hasZeroBits(hashOf(p, salt, nonce), bits)) continue;
            nonces += (i > 0 ? "," : "") + nonce;
            break;
        }
    }
    out.work = p.text + ";n=" + nonces;
    return out;
}

}  // namespace

double Puzzle::meanCalls() const {
    return std::ldexp(1.0, static_cast<int>(bits));
}

std::optional<Puzzle> readPuzzle(std::string_view text) {
    // v1.<alg>.<c>.<k>.<d>.<exp>.<cls>.<bind>.<seed>.<kid>.<mac>
    std::vector<std::string_view> parts;
    for (auto rest = text; parts.size() < 12;) {
        parts.push_back(rest.substr(0, rest.find('.')));
        if (parts.back().size() == rest.size()) break;
        rest.remove_prefix(parts.back().size() + 1);
    }
    if (parts.size() != 11 || parts[0] != "v1") return std::nullopt;
    Puzzle out{std::string(text), std::string(parts[1]), std::string(parts[8])};
    if (!number(parts[2], out.iterations) || !number(parts[3], out.parts) ||
        !number(parts[4], out.bits) || out.parts == 0 || out.parts > 16 || out.bits > kMaxBits)
        return std::nullopt;
    return out;
}

Solver::Solver() : thread_([this](const std::stop_token& stop) { work(stop); }) {}

Solver::~Solver() {
    thread_.request_stop();
    wake_.notify_all();
}

void Solver::solve(Puzzle puzzle, Done done) {
    ++waiting_;
    const std::lock_guard lock(mutex_);
    todo_.push_back({std::move(puzzle), std::move(done), {}});
    wake_.notify_one();
}

void Solver::collect() {
    std::vector<Job> ready;
    {
        const std::lock_guard lock(mutex_);
        ready.swap(ready_);
    }
    waiting_ -= ready.size();
    for (auto& job : ready) job.done(job.solved);
}

void Solver::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [this] { return !todo_.empty(); })) return;
        auto job = std::move(todo_.front());
        todo_.pop_front();
        lock.unlock();
        job.solved = solveAll(job.puzzle, stop);
        lock.lock();
        ready_.push_back(std::move(job));
    }
}

}  // namespace persona::abuse
