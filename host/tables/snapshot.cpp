#include "host/tables/snapshot.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace persona::host::tables::snapshot {

namespace {

constexpr std::size_t kDigest = 32;
constexpr std::int64_t kLargestFile = 4LL << 30;

struct Header {
    char magic[8];
    std::uint32_t version, sections;
    std::uint64_t secret_id;
    std::int64_t wall_ms, now_ns;
};
constexpr char kMagic[8] = {'P', 'S', 'N', 'T', 'A', 'B', 'L', '1'};

struct CounterEntry {
    std::uint32_t set;
    psn_counter_table::Slot slot;
};
struct RateEntry {
    std::uint32_t set, reserved;
    std::uint64_t slot;
};

template <typename T>
void put(std::string& out, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <typename T>
bool take(std::string_view& in, T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (in.size() < sizeof value) return false;
    std::memcpy(&value, in.data(), sizeof value);
    in.remove_prefix(sizeof value);
    return true;
}

std::string digestOf(std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    ::EVP_Digest(data.data(), data.size(), digest.data(), &size, ::EVP_sha256(), nullptr);
    return {reinterpret_cast<const char*>(digest.data()), kDigest};
}

struct Fd {
    int fd;
    ~Fd() {
        if (fd >= 0) ::close(fd);
    }
};

}  // namespace

Writer::Writer(std::uint64_t secret_id, std::int64_t wall_ms, std::int64_t now_ns) {
    Header h{};
    std::memcpy(h.magic, kMagic, sizeof kMagic);
    h.version = 1;
    h.secret_id = secret_id;
    h.wall_ms = wall_ms;
    h.now_ns = now_ns;
    put(out_, h);
}

void Writer::section(char kind, const std::string& name, const std::string& body) {
    out_.push_back(kind);
    put(out_, static_cast<std::uint32_t>(name.size()));
    put(out_, static_cast<std::uint64_t>(body.size()));
    out_.append(name).append(body);
    ++sections_;
}

void Writer::add(const std::string& name, psn_counter_table& table) {
    std::string body;
    put(body, table.spec());
    table.visit([&](std::uint32_t set, const psn_counter_table::Slot& slot) {
        put(body, CounterEntry{set, slot});
    });
    section('c', name, body);
}

void Writer::add(const std::string& name, psn_rate_table& table) {
    std::string body;
    put(body, table.spec());
    table.visit([&](std::uint32_t set, std::uint64_t slot) { put(body, RateEntry{set, 0, slot}); });
    section('r', name, body);
}

std::string Writer::write(const std::string& file) {
    std::memcpy(out_.data() + offsetof(Header, sections), &sections_, sizeof sections_);
    out_.append(digestOf(out_));
    const std::string fresh = file + ".new";
    const auto failed = [&](const char* what) {
        auto why = file + ": " + what + ": " + std::strerror(errno);
        ::unlink(fresh.c_str());
        return why;
    };
    {
        const Fd fd{
            ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
        if (fd.fd < 0) return failed("open");
        for (std::string_view rest = out_; !rest.empty();) {
            const auto n = ::write(fd.fd, rest.data(), rest.size());
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return failed("write");
            rest.remove_prefix(static_cast<std::size_t>(n));
        }
        if (::fdatasync(fd.fd) != 0) return failed("sync");
    }
    if (::rename(fresh.c_str(), file.c_str()) != 0) return failed("rename");
    return "";
}

std::string read(const std::string& file, std::uint64_t secret_id, Contents& out) {
    const Fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (fd.fd < 0) return errno == ENOENT ? "" : file + ": " + std::strerror(errno);
    struct stat st {};
    if (::fstat(fd.fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > kLargestFile)
        return file + " is not a snapshot: tables start empty";
    std::string data(static_cast<std::size_t>(st.st_size), '\0');
    std::size_t got = 0;
    while (got < data.size()) {
        const auto n = ::read(fd.fd, data.data() + got, data.size() - got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
    }
    std::string damaged = file + " is damaged: tables start empty";
    if (got != data.size() || data.size() < sizeof(Header) + kDigest) return damaged;
    std::string_view in(data.data(), data.size() - kDigest);
    if (digestOf(in) != data.substr(data.size() - kDigest)) return damaged;
    Header h{};
    take(in, h);
    if (std::memcmp(h.magic, kMagic, sizeof kMagic) != 0 || h.version != 1) return damaged;
    if (h.secret_id != secret_id) return file + " belongs to another secret: tables start empty";
    for (std::uint32_t i = 0; i < h.sections; ++i) {
        char kind = 0;
        std::uint32_t name_size = 0;
        std::uint64_t body_size = 0;
        if (!take(in, kind) || !take(in, name_size) || !take(in, body_size) ||
            name_size > in.size() || body_size > in.size() - name_size)
            return damaged;
        out.sections[std::string(1, kind) + std::string(in.substr(0, name_size))] =
            in.substr(name_size, body_size);
        in.remove_prefix(name_size + body_size);
    }
    out.wall_ms = h.wall_ms;
    out.now_ns = h.now_ns;
    return "";
}

void restore(const std::string& body, psn_counter_table& table, std::uint32_t shift_ms) {
    std::string_view in = body;
    psn_counter_spec spec{};
    if (!take(in, spec) || spec.slots != table.spec().slots ||
        spec.window_ms != table.spec().window_ms || spec.ttl_ms != table.spec().ttl_ms)
        return;
    for (CounterEntry e{}; take(in, e);) table.restore(e.set, e.slot, shift_ms);
}

void restore(const std::string& body, psn_rate_table& table, std::uint32_t shift_ms) {
    std::string_view in = body;
    psn_rate_spec spec{};
    if (!take(in, spec) || spec.slots != table.spec().slots || table.spec().persist == 0) return;
    for (RateEntry e{}; take(in, e);) table.restore(e.set, e.slot, shift_ms);
}

}  // namespace persona::host::tables::snapshot
