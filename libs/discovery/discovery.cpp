#include "libs/discovery/discovery.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "libs/discovery/hop_cache.h"
#include "libs/protocol/names.h"

namespace persona::discovery {

using protocol::AuthorityWalk;
using protocol::Discovered;
using protocol::Hop;

class Discovery::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(Options o, Ports p)
        : options(std::move(o)), ports(std::move(p)), cache_(options.max_entries) {}

    void start(const std::string& domain, Done done, bool at_hand) {
        if (options.disable_primary_support) {
            Discovered none;
            none.reason = "primary support is disabled";
            return done(std::make_shared<const Discovered>(std::move(none)));
        }
        if (auto end = knownEnd(domain)) return done(std::move(end));
        auto walk = std::make_shared<Walk>(domain, options.protocol);
        walk->done = std::move(done);
        walk->at_hand = at_hand;
        walk->until_ms = ports.now_ms() + options.chain_timeout_ms;
        advance(walk);
    }

    void forget(const std::string& domain) {
        const std::lock_guard lock(mutex_);
        told_.erase(protocol::toLower(domain));
    }

    [[nodiscard]] Stats stats() const {
        const std::lock_guard lock(mutex_);
        return {cache_.size(), fetching_.size()};
    }

    const Options options;
    const Ports ports;

  private:
    struct Walk {
        Walk(const std::string& domain, const protocol::DiscoveryOptions& o) : way(domain, o) {}
        AuthorityWalk way;
        Done done;
        std::int64_t until_ms = 0;
        bool at_hand = false;
    };
    using WalkPtr = std::shared_ptr<Walk>;
    using Waiter = std::function<void(HopPtr)>;

    static std::string keyOf(const std::string& current, const std::string& principal) {
        return current + " " + principal;
    }

    /// Where the way of most domains, which is one hop, led before; nullptr: it is to be walked.
    DiscoveredPtr knownEnd(const std::string& domain) {
        const auto principal = protocol::toLower(domain);
        DiscoveredPtr end;
        {
            const std::lock_guard lock(mutex_);
            const auto found = cache_.find(keyOf(principal, principal), ports.now_ms());
            if (!found.stale) end = found.end;
        }
        if (end && end->type == Discovered::Type::Primary) tell(principal);
        return end;
    }

    /// Goes on until the end, or until a hop is under way whose arrival calls this again.
    void advance(const WalkPtr& walk) {
        HopPtr only;
        while (!walk->way.done()) {
            const std::int64_t left = walk->until_ms - ports.now_ms();
            if (left <= 0) {
                walk->way.timeOut();
                break;
            }
            bool overloaded = false;
            const auto hop = hopFor(walk, left, overloaded);
            if (overloaded) return walk->done(nullptr);
            if (!hop) return;
            walk->way.take(*hop);
            only = hop;
        }
        auto result = std::make_shared<const Discovered>(std::move(walk->way.result()));
        if (result->type == Discovered::Type::Primary) tell(walk->way.principal());
        if (only && result->chain.size() == 1) {
            const auto& domain = walk->way.principal();
            const std::lock_guard lock(mutex_);
            cache_.settle(keyOf(domain, domain), only, result);
        }
        walk->done(std::move(result));
    }

    /// The next hop, when it is known. Else the walk goes on later, unless `overloaded`.
    HopPtr hopFor(const WalkPtr& walk, std::int64_t left_ms, bool& overloaded) {
        const auto &current = walk->way.current(), &principal = walk->way.principal();
        const auto key = keyOf(current, principal);
        const auto goOn = [&]() -> Waiter {
            return [self = shared_from_this(), walk](const HopPtr& found) {
                if (!found) return walk->done(nullptr);
                walk->way.take(*found);
                self->advance(walk);
            };
        };
        bool background = false;
        HopPtr known;
        {
            const std::lock_guard lock(mutex_);
            const auto found = cache_.find(key, ports.now_ms());
            known = found.hop;
            if (known && !found.stale) return known;
            if (const auto it = fetching_.find(key); it != fetching_.end()) {
                if (!known) it->second.push_back(goOn());
                return known;
            }
            if (walk->at_hand || fetching_.size() >= options.max_fetches) {
                overloaded = !known;
                return known;
            }
            background = known != nullptr;
            auto& waiters = fetching_[key];
            if (!background) waiters.push_back(goOn());
        }
        startFetch(key, current, principal, background ? options.fetch_timeout_ms : left_ms);
        return known;
    }

    void startFetch(const std::string& key, const std::string& current,
                    const std::string& principal, std::int64_t left_ms) {
        FetchRequest r;
        r.host = current;
        r.max_body = options.max_document;
        r.timeout_ms = std::min(options.fetch_timeout_ms, left_ms);
        r.allow_private = false;
        r.proxy = options.http_proxy;
        std::string origin;
        std::string url = "https://" + current + "/.well-known/browserid";
        if (const auto it = options.overrides.find(current); it != options.overrides.end()) {
            origin = it->second.origin;
            if (!it->second.document.empty()) {
                FetchResponse local;
                local.fetched = {true, false, 200, "application/json", it->second.document};
                return arrived(key, origin, local);
            }
            url = it->second.url;
            r.host.clear();
            r.proxy.clear();
            r.allow_private = true;
        }
        // Both are host names (ISS-1), so nothing of them needs escaping; a test's port does.
        r.url = url + "?domain=" + escapePort(principal);
        ports.fetch(std::move(r),
                    [self = shared_from_this(), key, origin](const FetchResponse& response) {
                        self->arrived(key, origin, response);
                    });
    }

    static std::string escapePort(const std::string& principal) {
        const auto colon = principal.find(':');
        return colon == std::string::npos
                   ? principal
                   : principal.substr(0, colon) + "%3A" + principal.substr(colon + 1);
    }

    void arrived(const std::string& key, const std::string& origin, const FetchResponse& response) {
        HopPtr hop;
        if (!response.overloaded) {
            Hop read = protocol::readHop(response.fetched, options.protocol);
            read.origin = origin;
            hop = std::make_shared<const Hop>(std::move(read));
        }
        std::vector<Waiter> waiters;
        {
            const std::lock_guard lock(mutex_);
            waiters = std::move(fetching_[key]);
            fetching_.erase(key);
            if (hop) remember(key, hop, response.cache_control);
        }
        for (const auto& w : waiters) w(hop);
    }

    void remember(const std::string& key, const HopPtr& hop, const std::string& cache_control) {
        const bool failed = hop->http != Hop::Http::Ok ||
                            hop->document.type == protocol::SupportDocument::Type::Invalid;
        const auto now = ports.now_ms();
        const auto lifetime =
            failed ? options.failure_lifetime_ms
                   : lifetimeOf(cache_control, {options.default_lifetime_ms,
                                                options.min_lifetime_ms, options.max_lifetime_ms});
        const auto stale = failed ? 0 : std::min(lifetime, options.max_stale_ms);
        cache_.put(key, hop, now + lifetime, now + lifetime + stale);
    }

    void tell(const std::string& domain) {
        if (!ports.on_seen) return;
        const auto now = ports.now_ms();
        {
            const std::lock_guard lock(mutex_);
            const auto it = told_.find(domain);
            if (it != told_.end() && now - it->second < options.seen_interval_ms) return;
            // Forgetting all of it costs one more event for each domain, no more.
            if (told_.size() >= options.max_entries) told_.clear();
            told_[domain] = now;
        }
        ports.on_seen(domain);
    }

    mutable std::mutex mutex_;
    HopCache cache_;
    std::unordered_map<std::string, std::vector<Waiter>> fetching_;
    std::unordered_map<std::string, std::int64_t> told_;
};

Discovery::Discovery(Options options, Ports ports)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(ports))) {}
Discovery::~Discovery() = default;

void Discovery::find(const std::string& domain, Done done, bool at_hand) {
    impl_->start(domain, std::move(done), at_hand);
}

DiscoveredPtr Discovery::find(const std::string& domain) {
    auto promise = std::make_shared<std::promise<DiscoveredPtr>>();
    auto answer = promise->get_future();
    impl_->start(
        domain, [promise](DiscoveredPtr found) { promise->set_value(std::move(found)); }, false);
    return answer.get();
}

void Discovery::forget(const std::string& domain) {
    impl_->forget(domain);
}

Discovery::Stats Discovery::stats() const {
    return impl_->stats();
}

}  // namespace persona::discovery
