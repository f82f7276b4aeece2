#include <cstdlib>
#include <set>
#include <sstream>

#include "libs/discovery/discovery.h"
#include "libs/protocol/names.h"

/// A network that answers what the input says: each line is STATUS TYPE CACHE-CONTROL|BODY for the
/// next fetch, the first line names the domain. Discovery must end, ask within its bounds, and ask
/// only what is a host name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace discovery = persona::discovery;
    std::istringstream script(std::string(reinterpret_cast<const char*>(data), size));
    std::string domain;
    std::getline(script, domain);
    std::size_t fetches = 0;
    std::int64_t now = 0;
    discovery::Options options;
    options.max_entries = 4;
    options.protocol.proxy_idps = {{"proxied.example", "bridge.example"}};
    discovery::Ports ports;
    ports.now_ms = [&] { return now += 7; };
    ports.fetch = [&](const discovery::FetchRequest& r,
                      const std::function<void(discovery::FetchResponse)>& done) {
        ++fetches;
        if (!persona::protocol::isHostName(r.host) || r.timeout_ms <= 0 || r.allow_private ||
            r.url.find_first_of("\r\n @\\") != std::string::npos)
            std::abort();
        std::string line;
        std::getline(script, line);
        discovery::FetchResponse response;
        std::istringstream words(line.substr(0, line.find('|')));
        words >> response.fetched.status >> response.fetched.content_type;
        std::getline(words, response.cache_control);
        response.fetched.reached = response.fetched.status != 0;
        response.fetched.timed_out = response.fetched.status == 0;
        response.overloaded = response.fetched.status == 999;
        if (const auto bar = line.find('|'); bar != std::string::npos)
            response.fetched.body = line.substr(bar + 1);
        done(std::move(response));
    };
    discovery::Discovery d(options, ports);
    for (int round = 0; round < 2; ++round) {
        fetches = 0;
        int answers = 0;
        d.find(domain, [&](const discovery::DiscoveredPtr& found) {
            ++answers;
            if (!found) return;
            const std::set<std::string> distinct(found->chain.begin(), found->chain.end());
            if (distinct.size() != found->chain.size() || found->chain.size() > 7) std::abort();
            if (found->type == persona::protocol::Discovered::Type::Primary &&
                (found->keys.empty() || found->authority != found->chain.back() ||
                 !found->authentication.starts_with("https://" + found->authority + "/")))
                std::abort();
        });
        if (answers != 1 || fetches > 7 || d.stats().entries > 4 || d.stats().fetches != 0)
            std::abort();
    }
    return 0;
}
