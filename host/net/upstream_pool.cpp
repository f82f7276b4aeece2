#include "host/net/upstream_pool.h"

#include <algorithm>

namespace persona::host::net {

namespace {
constexpr double kRetryShare = 0.2, kRetryReserve = 10;
constexpr std::int64_t kMs = 1'000'000;
}  // namespace

UpstreamPool::UpstreamPool(LoopImpl& loop, std::shared_ptr<UpstreamGroup> group,
                           std::shared_ptr<TlsContext> tls)
    : loop_(loop),
      group_(std::move(group)),
      tls_(std::move(tls)),
      members_(group_->endpoints.size()) {}

UpstreamPool::~UpstreamPool() = default;

bool UpstreamPool::usable(const Member& m) const {
    return m.healthy && m.ejected_until_ns <= loop_.reactor.now();
}

/// Of the load that a member gets: a tenth when it has just come back, all of it after slow_start.
double UpstreamPool::share(Member& m) const {
    if (m.ramp_since_ns == 0) return 1;
    const auto span = settings().slow_start.count() * kMs;
    const auto gone = loop_.reactor.now() - std::max(m.ramp_since_ns, m.ejected_until_ns);
    if (gone >= span) {
        m.ramp_since_ns = 0;
        return 1;
    }
    return std::max(0.1, static_cast<double>(gone) / static_cast<double>(span));
}

/// The usable member with the fewest requests under way for its share; when none is usable, any:
/// an upstream that is wholly down must show as such, not as an empty list.
std::size_t UpstreamPool::choose(std::size_t avoid) {
    if (members_.size() == 1) return 0;
    std::size_t best = kNone;
    for (const bool picky : {true, false}) {
        double lowest = 0;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            const auto at = (next_ + i) % members_.size();
            auto& m = members_[at];
            if (picky && (at == avoid || !usable(m))) continue;
            const double load = static_cast<double>(m.busy() + 1) / share(m);
            if (best != kNone && load >= lowest) continue;
            best = at;
            lowest = load;
        }
        if (best != kNone) break;
    }
    ++next_;
    return best;
}

void UpstreamPool::acquire(UpstreamUser& user, std::size_t avoid) {
    retry_budget_ = std::min(retry_budget_ + kRetryShare, kRetryReserve);
    const auto index = choose(avoid);
    auto& member = members_[index];
    while (!member.idle.empty()) {
        auto* c = member.idle.back();
        member.idle.pop_back();
        if (c->reuse(user)) return user.onUpstreamReady(*c);
        c->destroy();
    }
    if (connections_ >= settings().max_connections) {
        // A kept connection to another address makes room for one to this address.
        const auto spare = std::find_if(members_.begin(), members_.end(),
                                        [](const Member& m) { return !m.idle.empty(); });
        if (spare == members_.end()) {
            if (waiting_.size() >= settings().max_queue)
                return user.onUpstreamError({UpstreamFault::QueueFull, true, false,
                                             "queue of upstream " + settings().name + " is full"});
            waiting_.push_back(&user);
            return;
        }
        spare->idle.front()->destroy();
    }
    ++connections_;
    auto connection =
        std::make_unique<UpstreamConnection>(loop_, this, group_->endpoints[index], tls_);
    auto* c = connection.get();
    c->slot_ = member.all.size();
    c->endpoint_index_ = index;
    member.all.push_back(std::move(connection));
    c->open(user, settings().connect_timeout);
}

void UpstreamPool::forget(UpstreamUser& user) {
    const auto it = std::find(waiting_.begin(), waiting_.end(), &user);
    if (it != waiting_.end()) {
        waiting_.erase(it);
        return;
    }
    for (auto& m : members_)
        for (auto& c : m.all)
            if (c->user_ == &user) return c->cancel();
}

bool UpstreamPool::mayRetry() {
    if (retry_budget_ < 1) {
        loop_.observer.count("engine.upstream.retry_budget");
        return false;
    }
    retry_budget_ -= 1;
    loop_.observer.count("engine.upstream.retry");
    return true;
}

void UpstreamPool::setTls(std::shared_ptr<TlsContext> tls) {
    tls_ = std::move(tls);
    closeIdle();  // they were made with the old certificates
}

void UpstreamPool::setHealthy(std::size_t endpoint, bool healthy) {
    auto& m = members_.at(endpoint);
    if (m.healthy == healthy) return;
    m.healthy = healthy;
    if (healthy) {
        m.ramp_since_ns = loop_.reactor.now();
        m.failures = m.ejections = 0;
        m.ejected_until_ns = 0;
    }
}

void UpstreamPool::answered(UpstreamConnection& c, unsigned status) {
    auto& m = members_[c.endpoint_index_];
    if (status >= 500) return countFailure(c.endpoint_index_, "answered 5xx");
    m.failures = m.ejections = 0;
}

void UpstreamPool::failed(UpstreamConnection& c, UpstreamFault fault) {
    last_failed_ = c.endpoint_index_;
    if (fault != UpstreamFault::QueueFull) countFailure(c.endpoint_index_, "failed");
}

void UpstreamPool::countFailure(std::size_t index, const char* what) {
    auto& m = members_[index];
    if (members_.size() == 1 || ++m.failures < settings().eject_after || !usable(m)) return;
    // Never the last one: with nobody left, trying is better than refusing.
    if (std::count_if(members_.begin(), members_.end(),
                      [&](const Member& o) { return usable(o); }) < 2)
        return;
    m.failures = 0;
    const auto times = std::min(++m.ejections, 10u);
    m.ejected_until_ns = loop_.reactor.now() + settings().ejection.count() * kMs * times;
    m.ramp_since_ns = m.ejected_until_ns;
    loop_.observer.count("engine.upstream.ejected");
    loop_.observer.log(3, "upstream " + settings().name + ": " + group_->endpoints[index].text +
                              " " + what + " " + std::to_string(settings().eject_after) +
                              " times in a row; left out for " +
                              std::to_string(settings().ejection.count() * times) + " ms");
}

void UpstreamPool::release(UpstreamConnection& c) {
    std::string().swap(c.in_);
    members_[c.endpoint_index_].idle.push_back(&c);
    c.idle_since_ns_ = loop_.reactor.now();
    loop_.reactor.wheel().set(c, c.idle_since_ns_ + settings().idle_timeout.count() * kMs);
    if (!waiting_.empty()) loop_.reactor.defer([this] { serveNext(); });
}

void UpstreamPool::removed(UpstreamConnection& c) {
    auto& m = members_[c.endpoint_index_];
    m.idle.erase(std::remove(m.idle.begin(), m.idle.end(), &c), m.idle.end());
    const auto slot = c.slot_;
    loop_.graveyard.upstreams.push_back(std::move(m.all[slot]));
    if (slot + 1 != m.all.size()) {
        m.all[slot] = std::move(m.all.back());
        m.all[slot]->slot_ = slot;
    }
    m.all.pop_back();
    --connections_;
    if (!waiting_.empty()) loop_.reactor.defer([this] { serveNext(); });
}

void UpstreamPool::serveNext() {
    const auto hasIdle = [this] {
        return std::any_of(members_.begin(), members_.end(),
                           [](const Member& m) { return !m.idle.empty(); });
    };
    while (!waiting_.empty() && (connections_ < settings().max_connections || hasIdle())) {
        auto* user = waiting_.front();
        waiting_.pop_front();
        acquire(*user);
    }
}

void UpstreamPool::closeIdle() {
    for (auto& m : members_)
        while (!m.idle.empty()) m.idle.back()->destroy();
}

}  // namespace persona::host::net
