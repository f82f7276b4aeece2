#include "host/net/upstream_health.h"

#include <algorithm>

#include "host/net/client_call.h"

namespace persona::host::net {

UpstreamHealth::UpstreamHealth(std::vector<LoopImpl*> all,
                               const std::vector<std::shared_ptr<UpstreamGroup>>& groups)
    : loops_(std::move(all)) {
    for (const auto& g : groups) {
        if (g->endpoints.size() < 2 || g->settings.health_interval.count() == 0) continue;
        const auto n = g->endpoints.size();
        watches_.push_back(std::make_unique<Watch>(
            Watch{g, std::vector<unsigned>(n, 0), std::vector<bool>(n, true)}));
    }
}

void UpstreamHealth::start() {
    for (auto& w : watches_) schedule(*w);
}

void UpstreamHealth::stop() {
    stopped_ = true;
}

void UpstreamHealth::schedule(Watch& watch) {
    loops_.front()->after(watch.group->settings.health_interval, [this, &watch] {
        if (stopped_) return;
        ask(watch);
        schedule(watch);
    });
}

void UpstreamHealth::ask(Watch& watch) {
    auto& loop = *loops_.front();
    const auto& settings = watch.group->settings;
    for (std::size_t i = 0; i < watch.group->endpoints.size(); ++i) {
        ClientRequest request;
        request.target = settings.health_path;
        request.max_body = 64 * 1024;
        request.deadline = std::min(settings.health_interval, milliseconds(5'000));
        auto* call =
            new ClientCall(loop, std::move(request), [this, &watch, i](const ClientResult& r) {
                if (!stopped_) learned(watch, i, r);
            });
        call->startEndpoint(watch.group->endpoints[i], loop.pools.at(watch.group->index)->tls());
    }
}

void UpstreamHealth::learned(Watch& watch, std::size_t i, const ClientResult& result) {
    const bool good = result.error == ClientError::None && result.status == 200;
    watch.failures[i] = good ? 0 : watch.failures[i] + 1;
    if (good == watch.healthy[i] || (!good && watch.failures[i] < 2)) return;
    watch.healthy[i] = good;
    auto& loop = *loops_.front();
    loop.observer.count(good ? "engine.upstream.healthy" : "engine.upstream.unhealthy");
    loop.observer.log(
        good ? 2 : 3,
        "upstream " + watch.group->settings.name + ": " + watch.group->endpoints[i].text +
            (good ? " is healthy again"
                  : " is left out, its heartbeat fails: " +
                        (result.status != 0 ? "status " + std::to_string(result.status)
                                            : result.detail)));
    for (auto* l : loops_)
        l->post(
            [l, group = watch.group->index, i, good] { l->pools.at(group)->setHealthy(i, good); });
}

}  // namespace persona::host::net
