#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "libs/discovery/discovery.h"

namespace persona::discovery::testing {

inline constexpr const char* kKey =
    R"({"algorithm":"RS","e":"65537","n":"16259402768090745315682165157195245581370127464182432517913911412632839103347019128928339351586553166627079707848713515198068937997518173693731039092742279283019030302046628548438197708576051679435753942683504070856331790064672742405429772176552004465049332458348109866889008619409412391161032725681029278865284513727466736213684079010548671373355407782344549276759626371377981624985437399849840594347550224776407816450326735244777204975440389786549183766469440200107601482207521883499349249476469493042164126988968993313820828064485147254521717704379040249046396243519850829093764072536937008907514695901877947798817"})";

inline FetchResponse answer(std::string body, std::string cache_control = "") {
    FetchResponse r;
    r.fetched = {true, false, 200, "application/json", std::move(body)};
    r.cache_control = std::move(cache_control);
    return r;
}
inline FetchResponse supported(std::string cache_control = "") {
    return answer(std::string(R"({"authentication":"/auth","provisioning":"/prov","public-key":)") +
                      kKey + "}",
                  std::move(cache_control));
}
inline FetchResponse delegates(const std::string& to, std::string cache_control = "") {
    return answer(R"({"authority":")" + to + "\"}", std::move(cache_control));
}
inline FetchResponse failed(bool timed_out = false) {
    FetchResponse r;
    r.fetched.timed_out = timed_out;
    return r;
}

/// A network whose answers are given one by one (hold = true) or at once, and whose clock stands.
class FakeNetwork {
  public:
    [[nodiscard]] Ports ports() {
        Ports p;
        p.fetch = [this](const FetchRequest& r, std::function<void(FetchResponse)> done) {
            FetchResponse now;
            {
                const std::lock_guard lock(mutex_);
                requests.push_back(r);
                if (hold) {
                    pending.emplace_back(r.host, std::move(done));
                    return;
                }
                const auto it = world.find(r.host.empty() ? r.url : r.host);
                now = it == world.end() ? failed() : it->second;
            }
            done(now);
        };
        p.now_ms = [this] { return now_ms; };
        p.on_seen = [this](const std::string& d) { seen.push_back(d); };
        return p;
    }
    /// Answers the fetch that waits longest.
    void release(FetchResponse response) {
        std::function<void(FetchResponse)> done;
        {
            const std::lock_guard lock(mutex_);
            done = std::move(pending.front().second);
            pending.pop_front();
        }
        done(std::move(response));
    }
    std::map<std::string, FetchResponse> world;
    std::vector<FetchRequest> requests;
    std::deque<std::pair<std::string, std::function<void(FetchResponse)>>> pending;
    std::vector<std::string> seen;
    std::int64_t now_ms = 1'000'000;
    bool hold = false;

  private:
    std::mutex mutex_;
};

}  // namespace persona::discovery::testing
