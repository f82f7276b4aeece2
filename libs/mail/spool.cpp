#include "libs/mail/spool.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace persona::mail {

namespace {

constexpr std::string_view kMagic = "persona-mail/1";
constexpr std::size_t kMostOctets = 1024 * 1024;
constexpr mode_t kPrivateDirectory = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr std::int64_t kStagedLifeMs = 3'600'000;

template <typename T>
bool parseNumber(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::optional<Spool::Entry> parseName(std::string_view name) {
    const auto first = name.find('-');
    const auto second = name.find('-', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos || first != 32) return std::nullopt;
    Spool::Entry entry;
    entry.id = name.substr(0, first);
    for (const char c : entry.id)
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
    if (!parseNumber(name.substr(first + 1, second - first - 1), entry.attempts) ||
        !parseNumber(name.substr(second + 1), entry.due_ms))
        return std::nullopt;
    return entry;
}

std::optional<Spool::Stored> parseStored(const std::string& content) {
    const auto end = content.find('\n');
    if (end == std::string::npos) return std::nullopt;
    std::vector<std::string_view> words;
    for (std::string_view line = std::string_view(content).substr(0, end);;) {
        const auto space = line.find(' ');
        words.push_back(line.substr(0, space));
        if (space == std::string_view::npos) break;
        line.remove_prefix(space + 1);
    }
    Spool::Stored out;
    if (words.size() != 5 || words[0] != kMagic || !parseNumber(words[2], out.expires_ms))
        return std::nullopt;
    out.kind = words[1];
    out.from = words[3];
    out.to = words[4];
    out.octets = content.substr(end + 1);
    return out;
}

std::int64_t modifiedMs(const std::filesystem::path& file) {
    struct stat st {};
    if (::stat(file.c_str(), &st) != 0) return INT64_MAX;
    return static_cast<std::int64_t>(st.st_mtim.tv_sec) * 1000;
}

}  // namespace

std::string Spool::Entry::fileName() const {
    return id + "-" + std::to_string(attempts) + "-" + std::to_string(due_ms);
}

std::string Spool::path(std::string_view folder, std::string_view name) const {
    return directory_ + "/" + std::string(folder) + "/" + std::string(name);
}

Result<Spool> Spool::open(std::string directory) {
    for (const auto* folder : {"", "/new", "/queue", "/dead"})
        if (auto error = files::makeDirectory(directory + folder, kPrivateDirectory);
            !error.empty())
            return Error{"mail queue: " + error};
    return Spool(std::move(directory));
}

bool Spool::tryLock() {
    if (lock_.ok()) return true;
    const std::string file = directory_ + "/lock";
    files::Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kPrivateFile));
    if (!lock.ok() || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return false;
    lock_ = std::move(lock);
    return true;
}

std::vector<Spool::Entry> Spool::scan(std::size_t& strange, std::int64_t now_ms) const {
    std::vector<Entry> out;
    std::error_code error;
    strange = 0;
    for (const auto& item : std::filesystem::directory_iterator(path("queue", ""), error)) {
        if (auto entry = parseName(item.path().filename().string()))
            out.push_back(std::move(*entry));
        else
            ++strange;
    }
    for (const auto& item : std::filesystem::directory_iterator(path("new", ""), error))
        if (modifiedMs(item.path()) < now_ms - kStagedLifeMs) ::unlink(item.path().c_str());
    return out;
}

Result<Spool::Entry> Spool::add(const std::string& id, const Stored& message,
                                std::int64_t now_ms) const {
    Entry entry{id, 0, now_ms};
    const std::string head = std::string(kMagic) + " " + message.kind + " " +
                             std::to_string(message.expires_ms) + " " + message.from + " " +
                             message.to + "\n";
    auto error = files::writeDurably(path("new", id), path("queue", entry.fileName()),
                                     head + message.octets, kPrivateFile);
    if (!error.empty()) return Error{"mail queue: " + error};
    return entry;
}

Spool::Found Spool::read(const Entry& entry) const {
    using State = Found::State;
    const auto file = path("queue", entry.fileName());
    struct stat st {};
    if (::stat(file.c_str(), &st) != 0 && errno == ENOENT) return {State::Gone, {}, ""};
    if (static_cast<std::size_t>(st.st_size) > kMostOctets || S_ISDIR(st.st_mode))
        return {State::Damaged, {}, file + " is not a queued mail"};
    auto content = files::readFile(file, kMostOctets);
    if (!content) return {State::Unreadable, {}, content.error()};
    auto stored = parseStored(*content);
    if (!stored) return {State::Damaged, {}, file + " is not a queued mail"};
    return {State::Good, std::move(*stored), ""};
}

std::string Spool::reschedule(Entry& entry, unsigned attempts, std::int64_t due_ms) const {
    Entry next{entry.id, attempts, due_ms};
    const auto from = path("queue", entry.fileName()), to = path("queue", next.fileName());
    // Not synced: a power cut only forgets that there was an attempt.
    if (::rename(from.c_str(), to.c_str()) != 0) return files::systemError("cannot rename " + from);
    entry = std::move(next);
    return {};
}

std::string Spool::remove(const Entry& entry) const {
    const auto file = path("queue", entry.fileName());
    if (::unlink(file.c_str()) != 0 && errno != ENOENT)
        return files::systemError("cannot remove " + file);
    return {};
}

std::string Spool::bury(const Entry& entry) const {
    const auto from = path("queue", entry.fileName()), to = path("dead", entry.fileName());
    if (::rename(from.c_str(), to.c_str()) != 0) return files::systemError("cannot move " + from);
    // The age of a dead letter counts from its death.
    ::utimensat(AT_FDCWD, to.c_str(), nullptr, 0);
    return {};
}

void Spool::purgeDead(std::int64_t before_ms) const {
    std::error_code error;
    for (const auto& item : std::filesystem::directory_iterator(path("dead", ""), error))
        if (modifiedMs(item.path()) < before_ms) ::unlink(item.path().c_str());
}

}  // namespace persona::mail
