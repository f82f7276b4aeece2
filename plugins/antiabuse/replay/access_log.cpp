#include "plugins/antiabuse/replay/access_log.h"

#include <charconv>
#include <ctime>

namespace persona::antiabuse {

namespace {

/// Up to `end`, which is taken away too. Empty: there is no such end.
std::optional<std::string_view> upTo(std::string_view& in, std::string_view end) {
    const auto at = in.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    const auto out = in.substr(0, at);
    in.remove_prefix(at + end.size());
    return out;
}

/// "30/Nov/2026:16:10:28 +0100".
std::optional<std::int64_t> secondsOf(std::string_view text) {
    std::tm t{};
    const std::string copy(text);
    const char* rest = ::strptime(copy.c_str(), "%d/%b/%Y:%H:%M:%S %z", &t);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const auto offset = t.tm_gmtoff;
    return static_cast<std::int64_t>(::timegm(&t)) - offset;
}

}  // namespace

std::optional<Logged> parseLine(std::string_view line) {
    Logged out;
    const auto address = upTo(line, " ");
    const auto before = upTo(line, "[");
    const auto time = upTo(line, "] \"");
    const auto method = upTo(line, " ");
    const auto target = upTo(line, " HTTP/");
    const auto version = upTo(line, "\" ");
    if (!address || !before || !time || !method || !target || !version) return std::nullopt;
    const auto seconds = secondsOf(*time);
    const auto [at, error] = std::from_chars(line.data(), line.data() + line.size(), out.status);
    if (!seconds || error != std::errc{}) return std::nullopt;
    out.seconds = *seconds;
    out.address = *address;
    out.method = *method;
    const auto question = target->find('?');
    out.path = target->substr(0, question);
    if (question != std::string_view::npos) out.query = target->substr(question + 1);
    const auto last = line.rfind('"');
    if (last != std::string_view::npos && last != 0) {
        const auto first = line.rfind('"', last - 1);
        if (first != std::string_view::npos) out.agent = line.substr(first + 1, last - first - 1);
    }
    return out;
}

}  // namespace persona::antiabuse
