#pragma once

#include <persona/abi/http_filter.h>
#include <persona/abi/http_service.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fake_host.h"
#include "persona/testing/harness.hpp"

/// One request of a test. Calls from other threads than the test's are queued, as the host queues
/// them for the loop, and take effect in proceed().
struct psn_stream : std::enable_shared_from_this<psn_stream> {
    enum class Phase { RequestHead, RequestBody, Handling, ResponseHead, ResponseBody, Done };

    persona::testing::Script script;
    persona::testing::Outcome outcome;
    std::atomic<Phase> phase{Phase::RequestHead};
    std::atomic<bool> answered{false};
    bool in_filter = false, replied_in_call = false;
    std::string request_body, request_id = "test-request";
    persona::testing::Headers request_headers, response_headers;
    unsigned status = 0;
    std::string response_body;
    bool response_ended = false;
    std::map<std::string, std::string, std::less<>> values;
    psn_token token = 0;  ///< of the pause that is on
    psn_body_fn body_fn = nullptr;
    void* body_user = nullptr;
    bool read_paused = false;

    std::thread::id loop = std::this_thread::get_id();
    std::mutex mutex;  ///< of tasks, holds and keep_alive
    std::condition_variable ready;
    std::deque<std::function<void()>> tasks;
    unsigned holds = 0;
    std::shared_ptr<psn_stream> keep_alive;

    [[nodiscard]] bool onLoop() const { return std::this_thread::get_id() == loop; }
    void post(std::function<void()> task);
    void runOnLoop(std::function<void()> task);
    bool runTasks();  ///< true when there were any
    /// Notes the first thing that the plugin did wrong.
    void fault(const std::string& what) {
        runOnLoop([this, what] {
            if (outcome.fault.empty()) outcome.fault = what;
        });
    }
    void rebuildView();
    psn_request view{};
    std::vector<psn_header> view_headers;
};

namespace persona::testing {

/// Takes one script through a filter or a service.
class StreamRun {
  public:
    StreamRun(FakeHost& host, Script script);
    virtual ~StreamRun();
    StreamRun(const StreamRun&) = delete;
    StreamRun& operator=(const StreamRun&) = delete;
    void proceed();
    bool finish(std::chrono::milliseconds limit);
    void cancel();
    virtual void passPauseDeadline(bool) {}
    [[nodiscard]] bool isDone() const { return stream_->phase == psn_stream::Phase::Done; }
    [[nodiscard]] bool isPaused() const { return !isDone(); }
    [[nodiscard]] Outcome& outcome() { return stream_->outcome; }

  protected:
    /// Goes on as far as it can.
    virtual void step() = 0;
    virtual void complete(bool aborted) = 0;
    void replyFromHost(unsigned status, const std::string& why);
    FakeHost& host_;
    std::shared_ptr<psn_stream> stream_;
};

[[nodiscard]] std::shared_ptr<StreamRun> runFilter(FakeHost& host,
                                                   const psn_http_filter_factory& factory,
                                                   psn_instance* instance, Script script);
[[nodiscard]] std::shared_ptr<StreamRun> runService(FakeHost& host,
                                                    const psn_http_service_factory& factory,
                                                    psn_instance* instance, Script script);

}  // namespace persona::testing
