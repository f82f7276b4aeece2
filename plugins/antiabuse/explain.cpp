#include "plugins/antiabuse/explain.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace persona::antiabuse {

std::string_view nameOfVerdict(std::uint32_t kind) {
    static constexpr std::string_view kNames[]{"abstain",  "allow", "tag",  "delay", "challenge",
                                               "throttle", "shed",  "deny", "drop"};
    return kind < std::size(kNames) ? kNames[kind] : "unknown";
}

std::string hexOf(std::uint64_t number) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out(16, '0');
    for (auto at = out.size(); at-- > 0; number >>= 4) out[at] = kDigits[number & 15];
    return out;
}

Explain::Explain(const std::string& file, std::uint32_t lines_per_second, std::vector<Names> names)
    : names_(std::move(names)), lines_per_second_(lines_per_second), ring_(kRing) {
    if (file.empty()) return;
    fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd_ < 0)
        throw std::runtime_error("explain.file: " + file + " cannot be opened: " +
                                 std::strerror(errno) + "; name a file that may be written");
}

Explain::~Explain() {
    flush();
    if (fd_ >= 0) ::close(fd_);
}

void Explain::note(std::uint64_t id, std::int64_t wall_ms, std::int64_t now_ns,
                   std::string_view request_id, const psn_facts& facts, const Findings& findings,
                   const Decision& decision) {
    const std::lock_guard lock(mutex_);
    auto& r = ring_[next_++ % kRing];
    r.rules = 0;
    r.id = id;
    r.wall_ms = wall_ms;
    r.route = {facts.route.p, facts.route.n};
    r.request_id_size = static_cast<std::uint8_t>(std::min(request_id.size(), sizeof r.request_id));
    std::copy_n(request_id.begin(), r.request_id_size, r.request_id);
    r.session_class = facts.session_class;
    r.priority = facts.priority;
    r.strikes = facts.strikes;
    r.credit = facts.credit;
    r.decision = decision;
    // The one that decided first.
    if (decision.by >= 0) r.findings[r.rules++] = findings[static_cast<std::size_t>(decision.by)];
    for (std::size_t i = 0; i < findings.size() && r.rules < kRules; ++i)
        if (static_cast<std::int32_t>(i) != decision.by) r.findings[r.rules++] = findings[i];
    if (fd_ < 0) return;
    const auto second = now_ns / 1'000'000'000;
    if (second != second_) {
        second_ = second;
        in_second_ = 0;
    }
    if (in_second_ >= lines_per_second_ || buffer_.size() > kMostBuffered) {
        ++left_out_;
        return;
    }
    ++in_second_;
    auto text = line(r);
    if (left_out_ != 0) {
        text.pop_back();
        text += ",\"left_out\":" + std::to_string(left_out_) + "}";
        left_out_ = 0;
    }
    buffer_ += text;
    buffer_ += '\n';
}

std::string Explain::line(const Record& r) const {
    std::string out =
        "{\"time\":" + std::to_string(r.wall_ms) + ",\"id\":\"" + hexOf(r.id) +
        "\",\"request\":\"" + std::string(r.request_id, r.request_id_size) + "\",\"route\":\"" +
        std::string(r.route) + "\",\"verdict\":\"" + std::string(nameOfVerdict(r.decision.kind)) +
        "\",\"priority\":" + std::to_string(r.priority) +
        ",\"class\":" + std::to_string(r.session_class) +
        ",\"credit\":" + std::to_string(r.credit) + ",\"strikes\":" + std::to_string(r.strikes) +
        ",\"weight\":" + std::to_string(r.decision.weight) +
        ",\"level\":" + std::to_string(r.decision.level) +
        ",\"retry_after_ms\":" + std::to_string(r.decision.retry_after_ms) + ",\"rules\":[";
    for (std::size_t i = 0; i < r.rules; ++i) {
        const auto& f = r.findings[i];
        const auto& v = f.verdict;
        const auto& n = f.rule < names_.size() ? names_[f.rule] : names_.back();
        out += std::string(i == 0 ? "" : ",") + "{\"rule\":\"" + n.heuristic + "." +
               std::string(v.reason.p == nullptr ? "" : v.reason.p, v.reason.n) +
               "\",\"verdict\":\"" + std::string(nameOfVerdict(v.kind)) + "\",\"mode\":\"" +
               (f.acts ? "enforce" : "monitor") + "\",\"key\":\"" + hexOf(v.key) +
               "\",\"budget\":" + std::to_string(v.budget) +
               ",\"observed\":" + std::to_string(v.observed) +
               ",\"window_ms\":" + std::to_string(v.window_ms) +
               ",\"weight\":" + std::to_string(v.weight) + ",\"version\":\"" + n.version +
               "\",\"image\":\"" + n.hash.substr(0, 16) + "\"}";
    }
    return out + "]}";
}

void Explain::flush() {
    std::string text;
    {
        const std::lock_guard lock(mutex_);
        text.swap(buffer_);
    }
    for (std::string_view rest = text; !rest.empty() && fd_ >= 0;) {
        const auto n = ::write(fd_, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // a full disk must not stop the service
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
}

std::optional<std::string> Explain::find(std::uint64_t id) const {
    const std::lock_guard lock(mutex_);
    for (const auto& r : ring_)
        if (r.id == id && id != 0) return line(r);
    return std::nullopt;
}

}  // namespace persona::antiabuse
