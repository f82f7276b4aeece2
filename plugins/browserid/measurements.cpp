#include "plugins/browserid/measurements.h"

#include <array>
#include <cmath>
#include <utility>

namespace persona::browserid {

namespace {

using protocol::Json;
using Names = std::pair<std::string_view, std::string_view>;  ///< text in the header, our name

constexpr std::size_t kMaxEntries = 100, kMaxEntry = 8'192, kMaxWaiting = 10'000;
constexpr double kTenMinutes = 600'000;

/// Tried in order: some say that they are several.
constexpr std::array kSystems{Names{"iPod", "iPod"},
                              Names{"iPad", "iPad"},
                              Names{"iPhone", "iPhone"},
                              Names{"Android", "Android"},
                              Names{"BlackBerry", "BlackBerry"},
                              Names{"Linux", "Linux"},
                              Names{"Macintosh", "Macintosh"}};
constexpr std::array kBrowsers{Names{"Opera Mini/", "Opera Mini"},
                               Names{"Opera Mobi/", "Opera Mobile"},
                               Names{"OPR/", "Opera"},
                               Names{"Opera/", "Opera"},
                               Names{"Firefox/", "Firefox"},
                               Names{"Chrome/", "Chrome"},
                               Names{"MSIE ", "MSIE"},
                               Names{"Safari/", "Safari"}};

std::int64_t numberAt(std::string_view text, std::size_t at) {
    std::int64_t n = 0;
    for (int digits = 0; digits < 5 && at < text.size() && text[at] >= '0' && text[at] <= '9';
         ++at, ++digits)
        n = n * 10 + (text[at] - '0');
    return n;
}

std::string systemOf(std::string_view agent) {
    if (const auto at = agent.find("Windows NT "); at != std::string_view::npos) {
        const auto end = agent.find_first_not_of("0123456789.", at + 11);
        return std::string(agent.substr(at, std::min<std::size_t>(end, agent.size()) - at));
    }
    for (const auto& [text, name] : kSystems)
        if (agent.find(text) != std::string_view::npos) return std::string(name);
    // A phone of Firefox OS names no system.
    const bool phone = agent.find("Mobile") != std::string_view::npos &&
                       agent.find("Firefox") != std::string_view::npos;
    return phone ? "FirefoxOS" : "Unknown";
}

std::string formEncode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out = "data=";
    for (const char c : text) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
        const auto u = static_cast<unsigned char>(c);
        if (plain)
            out.push_back(c);
        else
            out.append({'%', kHex[u >> 4], kHex[u & 15]});
    }
    return out;
}

}  // namespace

Json coarseUserAgent(std::string_view agent) {
    agent = agent.substr(0, 512);
    Json o = Json::object();
    o.add("os", systemOf(agent));
    for (const auto& [text, name] : kBrowsers) {
        const auto at = agent.find(text);
        if (at == std::string_view::npos) continue;
        auto version = numberAt(agent, at + text.size());
        if (const auto v = agent.find("Version/"); name == "Safari" && v != std::string_view::npos)
            version = numberAt(agent, v + 8);
        return o.add("browser", std::string(name)).add("version", version);
    }
    return o.add("browser", "Unknown").add("version", std::int64_t{0});
}

void Measurements::take(const Json& data, std::string_view user_agent) {
    if (!options_.send || !data.isArray() || data.items().size() > kMaxEntries) return;
    std::string form;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& entry : data.items()) {
            if (!entry.isObject() || waiting_.size() >= kMaxWaiting ||
                entry.dump().size() > kMaxEntry)
                continue;
            Json kept = Json::object();
            for (const auto& [name, value] : entry.members()) {
                if (name == "local_timestamp" || name == "user_agent") continue;
                // Nobody's minute is anybody's business.
                if (name == "timestamp" && value.isNumber())
                    kept.add(name, value.number() - std::fmod(value.number(), kTenMinutes));
                else
                    kept.add(name, value);
            }
            waiting_.push_back(std::move(kept.add("user_agent", coarseUserAgent(user_agent))));
        }
        if (waiting_.size() < options_.batch) return;
        Json list = Json::array();
        for (auto& entry : std::exchange(waiting_, {})) list.push(std::move(entry));
        form = formEncode(list.dump());
    }
    post_(std::move(form));
}

}  // namespace persona::browserid
