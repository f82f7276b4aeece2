#pragma once

#include <persona/abi/ext/draft/counter_backend.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "host/bridge/member.h"
#include "host/tables/sharing.h"

namespace persona::host::bridge {

/// `shared_state:` of the configuration: the plugin that carries counts between processes, and the
/// thread on which it does so. Requests know nothing of it: they are decided by the tables of this
/// process, whatever becomes of the exchange. Lives as long as the process.
class SharedState final : public Member {
  public:
    SharedState(MemberSettings settings, const config::SharedStateSettings& shared,
                Runtime& runtime);
    ~SharedState() override;
    /// [control] After activate().
    void start();
    /// [control] Ends the thread; waits for the exchange that is under way.
    void stop();

  private:
    std::string adopt(const psn_plugin_entry& entry, Lifecycle& out, const psn_option*& options,
                      std::size_t& count) override;
    void run();
    /// One round: all that there is to say and to hear, as far as that goes in one period. Empty,
    /// or what went wrong.
    std::string round();
    std::string exchange(const std::vector<tables::Sharing::Change>& changes, bool& more);
    void judge(const std::string& error);

    const config::SharedStateSettings shared_;
    Runtime& runtime_;
    psn_counter_backend_factory factory_{};
    tables::Sharing sharing_;
    std::uint64_t cursor_ = 0;
    unsigned failures_ = 0;
    bool up_ = false, said_ = false;
    psn_metric &up_gauge_, &peers_, &exchanges_, &failed_exchanges_, &sent_, &adopted_, &left_out_,
        &taken_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace persona::host::bridge
