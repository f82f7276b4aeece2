#include "host/tables/tables.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

#include "host/tables/snapshot.h"

namespace persona::host::tables {

namespace {

constexpr std::size_t kParts = 64;

bool sameShape(const psn_counter_spec& a, const psn_counter_spec& b) {
    return a.slots == b.slots && a.window_ms == b.window_ms && a.ttl_ms == b.ttl_ms;
}
bool sameShape(const psn_rate_spec& a, const psn_rate_spec& b) {
    return a.slots == b.slots;
}

}  // namespace

template <typename Table, typename Spec>
Table* Tables::open(Shelf<Table>& shelf, std::string_view name, const Spec& spec, bool& replaced,
                    std::string& error, std::uint32_t most_slots, bool trial) {
    const std::lock_guard lock(mutex_);
    replaced = false;
    if (name.empty() || name.size() > 128 || spec.slots < 64 || spec.slots > most_slots) {
        error = "a table needs a name of 1 to 128 octets and 64 to " + std::to_string(most_slots) +
                " slots";
        return nullptr;
    }
    const auto it = shelf.by_name.find(name);
    if (it != shelf.by_name.end() && sameShape(it->second->spec(), spec)) return it->second;
    // Hardly anything of a table is resident before it is used: it may be made to be measured.
    auto made = std::make_unique<Table>(spec, secret_);
    if (bytes_ + made->bytes() > kMostBytes) {
        error = "a table of " + std::to_string(made->bytes()) +
                " octets: " + std::to_string(kMostBytes - bytes_) + " are left of the " +
                std::to_string(kMostBytes) + " for all";
        return nullptr;
    }
    replaced = it != shelf.by_name.end() && !trial;
    bytes_ += made->bytes();
    // The old table stays alive: a generation that drains may still use it.
    auto* table = shelf.all.emplace_back(std::move(made)).get();
    if (trial) return table;
    if constexpr (std::is_same_v<Table, psn_rate_table>)
        if (const auto shared = shares_.find(name); shared != shares_.end())
            table->share(shared->second);
    shelf.by_name[std::string(name)] = table;
    const auto kept =
        kept_.find((std::is_same_v<Table, psn_rate_table> ? "r" : "c") + std::string(name));
    if (kept != kept_.end()) {
        snapshot::restore(kept->second, *table, shift_ms_);
        kept_.erase(kept);
    }
    return table;
}

psn_counter_table* Tables::openCounters(std::string_view name, const psn_counter_spec& spec,
                                        bool& replaced, std::string& error, bool trial) {
    return open(counters_, name, spec, replaced, error, 16'777'216, trial);
}

psn_rate_table* Tables::openRates(std::string_view name, const psn_rate_spec& spec, bool& replaced,
                                  std::string& error, bool trial) {
    return open(rates_, name, spec, replaced, error, 67'108'864, trial);
}

void Tables::share(const std::string& name, const psn_rate_table::Share& share) {
    const std::lock_guard lock(mutex_);
    shares_[name] = share;
    if (const auto t = rates_.by_name.find(name); t != rates_.by_name.end())
        t->second->share(share);
}

void Tables::setDearer(const std::string& name, bool dearer) {
    if (auto* table = rates(name); table != nullptr) table->setDearer(dearer);
}

psn_rate_table* Tables::rates(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const auto t = rates_.by_name.find(name);
    return t == rates_.by_name.end() ? nullptr : t->second;
}

void Tables::tend(std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    for (auto& t : counters_.all) t->sweep(part_, kParts, now_ns);
    for (auto& t : rates_.all) t->sweep(part_, kParts, now_ns);
    part_ = (part_ + 1) % kParts;
}

std::vector<Tables::Info> Tables::list() {
    const std::lock_guard lock(mutex_);
    std::vector<Info> out;
    for (const auto& [name, t] : counters_.by_name)
        out.push_back({name, "counters", t->slots(), t->used(), t->evicted(), t->bytes()});
    for (const auto& [name, t] : rates_.by_name)
        out.push_back({name, "rates", t->slots(), t->used(), t->evicted(), t->bytes()});
    return out;
}

std::uint64_t Tables::secretId() const {
    // The number changes when a table places keys differently: an older file is left aside.
    return sdk::sipHash(secret_, "persona table snapshot 2");
}

std::string Tables::save(const std::string& file, std::int64_t wall_ms, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    if (counters_.by_name.empty() && rates_.by_name.empty()) return "";
    snapshot::Writer writer(secretId(), wall_ms, now_ns);
    for (const auto& [name, t] : counters_.by_name) writer.add(name, *t);
    for (const auto& [name, t] : rates_.by_name)
        if (t->spec().persist != 0) writer.add(name, *t);
    return writer.write(file);
}

std::string Tables::load(const std::string& file, std::int64_t wall_ms, std::int64_t now_ns) {
    const std::lock_guard lock(mutex_);
    snapshot::Contents contents;
    if (auto wrong = snapshot::read(file, secretId(), contents); !wrong.empty()) return wrong;
    if (contents.sections.empty()) return "";
    // A clock that stepped back says nothing about the time that has passed: none, then.
    const auto elapsed = std::max<std::int64_t>(0, wall_ms - contents.wall_ms);
    if (elapsed > kOldestMs)
        return file + " is " + std::to_string(elapsed / 1'000) + " s old: tables start empty";
    shift_ms_ =
        static_cast<std::uint32_t>(now_ns / 1'000'000 - contents.now_ns / 1'000'000 - elapsed);
    kept_ = std::move(contents.sections);
    return "";
}

Secret loadSecret(const std::string& file, std::string& error) {
    Secret secret{};
    const auto random = [&] {
        auto* p = reinterpret_cast<char*>(secret.data());
        for (std::size_t got = 0; got < sizeof secret;) {
            const auto n = ::getrandom(p + got, sizeof secret - got, 0);
            if (n > 0) got += static_cast<std::size_t>(n);
        }
    };
    int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        struct stat st {};
        const bool ours = ::fstat(fd, &st) == 0 && (st.st_mode & 077U) == 0;
        const auto n = ::read(fd, secret.data(), sizeof secret);
        ::close(fd);
        if (ours && n == sizeof secret) return secret;
        error = file + (ours ? " is damaged" : " may be read by others") +
                ": remove it; tables have a secret of this process alone";
        random();
        return secret;
    }
    random();
    fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ::write(fd, secret.data(), sizeof secret) != sizeof secret)
        error = file + ": " + std::strerror(errno) + "; tables start empty after a restart";
    if (fd >= 0) ::close(fd);
    return secret;
}

}  // namespace persona::host::tables
