#pragma once

#include <string>
#include <utility>

#include "libs/discovery/discovery.h"

namespace persona::discovery {

/// The codes of psn.http-client/1, which this library does not include.
struct ClientCodes {
    std::uint32_t ok, timeout, full;
    std::uint32_t allow_private;  ///< flag
};

/// A FetchPort over the SDK's Host (or anything of its shape), which must outlive every fetch:
///     clientPort<sdk::ClientRequest>(host, {PSN_OK, PSN_TIMEOUT, PSN_FULL,
///                                           PSN_CLIENT_ALLOW_PRIVATE})
template <typename ClientRequest, typename Host>
FetchPort clientPort(const Host& host, ClientCodes codes) {
    return [&host, codes](const FetchRequest& fetch, const auto& done) {
        ClientRequest request;
        const bool proxied = !fetch.proxy.empty();
        request.url = proxied ? fetch.proxy : fetch.url;
        if (proxied) request.target = fetch.url;
        if (!fetch.host.empty()) request.headers.emplace_back("Host", fetch.host);
        request.headers.emplace_back("Accept", "application/json");
        request.max_body = fetch.max_body;
        request.deadline_ms = static_cast<std::uint64_t>(fetch.timeout_ms);
        if (fetch.allow_private || proxied) request.flags |= codes.allow_private;
        const auto sent = host.send(request, [done, codes](auto answer) {
            FetchResponse response;
            response.overloaded = answer.rc == codes.full;
            auto& fetched = response.fetched;
            fetched.reached = answer.rc == codes.ok;
            fetched.timed_out = answer.rc == codes.timeout;
            fetched.status = answer.status;
            fetched.content_type = answer.header("content-type");
            fetched.body = std::move(answer.body);
            response.cache_control = answer.header("cache-control");
            done(std::move(response));
        });
        if (sent == codes.ok) return;
        FetchResponse refused;
        refused.overloaded = true;
        done(std::move(refused));
    };
}

}  // namespace persona::discovery
