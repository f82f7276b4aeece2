#pragma once

#include <deque>
#include <limits>

#include "host/net/upstream.h"

namespace persona::host::net {

/// A loop's connections to one upstream. Among several addresses the one with the fewest requests
/// under way is taken; those that fail are left out for a while (`ejection`), come back slowly
/// (`slow_start`), and can be asked for their health from outside (setHealthy). [loop]
class UpstreamPool {
  public:
    static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

    UpstreamPool(LoopImpl& loop, std::shared_ptr<UpstreamGroup> group,
                 std::shared_ptr<TlsContext> tls);
    ~UpstreamPool();
    /// Calls onUpstreamReady at once, later, or onUpstreamError (QueueFull at once). `avoid`: the
    /// address that has just failed this request.
    void acquire(UpstreamUser& user, std::size_t avoid = kNone);
    /// Before onUpstreamReady: the user no longer waits.
    void forget(UpstreamUser& user);
    /// Takes one from the retry budget: a fifth of the requests, so that retries cannot double the
    /// load of an upstream that is failing under it.
    [[nodiscard]] bool mayRetry();
    [[nodiscard]] std::size_t addresses() const { return members_.size(); }
    [[nodiscard]] std::size_t lastFailed() const { return last_failed_; }
    /// What an active check found.
    void setHealthy(std::size_t endpoint, bool healthy);
    [[nodiscard]] const UpstreamSettings& settings() const { return group_->settings; }
    [[nodiscard]] UpstreamGroup& group() { return *group_; }
    [[nodiscard]] const std::shared_ptr<TlsContext>& tls() const { return tls_; }
    void setTls(std::shared_ptr<TlsContext> tls);
    void closeIdle();

  private:
    friend class UpstreamConnection;
    /// One address, as this loop knows it.
    struct Member {
        std::vector<std::unique_ptr<UpstreamConnection>> all;
        std::vector<UpstreamConnection*> idle;
        unsigned failures = 0;   ///< in a row
        unsigned ejections = 0;  ///< in a row
        std::int64_t ejected_until_ns = 0;
        std::int64_t ramp_since_ns = 0;  ///< 0: takes its full share
        bool healthy = true;
        [[nodiscard]] std::size_t busy() const { return all.size() - idle.size(); }
    };
    void release(UpstreamConnection& connection);  ///< idle again
    void removed(UpstreamConnection& connection);
    void answered(UpstreamConnection& connection, unsigned status);
    void failed(UpstreamConnection& connection, UpstreamFault fault);
    void countFailure(std::size_t index, const char* what);
    void serveNext();
    [[nodiscard]] std::size_t choose(std::size_t avoid);
    [[nodiscard]] bool usable(const Member& m) const;
    [[nodiscard]] double share(Member& m) const;

    LoopImpl& loop_;
    std::shared_ptr<UpstreamGroup> group_;
    std::shared_ptr<TlsContext> tls_;
    std::vector<Member> members_;
    std::deque<UpstreamUser*> waiting_;
    std::size_t connections_ = 0, next_ = 0, last_failed_ = kNone;
    double retry_budget_ = 10;
};

}  // namespace persona::host::net
