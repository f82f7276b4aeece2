#include "host/app/fetch.h"

#include "host/net/call_once.h"

namespace persona::host::app {

net::ClientResult fetch(const net::TlsClientSettings& trust, const std::string& url) {
    net::EngineSettings settings;
    settings.outbound = trust;
    net::ClientRequest request;
    request.url = url;
    request.allow_private = true;
    request.max_body = 1 << 20;
    request.deadline = net::milliseconds(10'000);
    return net::callOnce(std::move(settings), std::move(request));
}

}  // namespace persona::host::app
