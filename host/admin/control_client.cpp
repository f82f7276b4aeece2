#include "host/admin/control_client.h"

#include <dirent.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <iostream>
#include <mutex>

#include "host/config/host_config.h"

namespace persona::host::admin {

int complain(int code, const std::string& why) {
    std::cerr << "persona-host: " << why << "\n";
    return code;
}

std::vector<std::string> findSockets(const std::string& config, std::string& why) {
    if (!config.empty()) {
        auto document = config::Document::load(config);
        const auto c = config::readHostConfig(document, "");
        if (!c.admin_socket.empty()) return {c.admin_socket};
        why = document.problems().empty() ? config + " sets no admin.socket"
                                          : document.problems().front();
        return {};
    }
    if (const char* set = std::getenv("PERSONA_CONTROL_SOCKET"); set != nullptr) return {set};
    std::vector<std::string> found;
    if (DIR* dir = ::opendir("var/run"); dir != nullptr) {
        while (const dirent* e = ::readdir(dir))
            if (std::string_view(e->d_name).ends_with(".sock"))
                found.push_back(std::string("var/run/") + e->d_name);
        ::closedir(dir);
    }
    if (found.empty()) why = "no control socket in var/run: say which with --socket or --config";
    std::sort(found.begin(), found.end());
    return found;
}

net::ClientResult askSocket(const std::string& socket, const std::string& method,
                            const std::string& target, const std::string& body) {
    class Quiet final : public net::EngineObserver {
        void count(std::string_view) override {}
        void log(int, std::string_view) override {}
    } quiet;
    net::EngineSettings settings;
    settings.loops = 1;
    net::UpstreamSettings upstream;
    upstream.name = "control";
    upstream.addresses = {"unix:" + (socket.starts_with("/") ? socket : [&] {
                              char* cwd = ::realpath(".", nullptr);
                              std::string absolute = std::string(cwd) + "/" + socket;
                              ::free(cwd);
                              return absolute;
                          }())};
    settings.upstreams.push_back(upstream);
    net::Engine engine(settings, quiet);
    net::ClientResult result;
    if (const auto error = engine.start({}); !error.empty()) {
        result.error = net::ClientError::Unreachable;
        result.detail = error;
        return result;
    }
    net::ClientRequest request;
    request.upstream = engine.upstream("control");
    request.method = method;
    request.target = target;
    request.fields.add("Host", "control");
    if (!body.empty()) request.fields.add("Content-Type", "application/json");
    request.body = body;
    request.max_body = 16 << 20;
    request.deadline = net::milliseconds(60'000);
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    engine.send(request, [&](net::ClientResult r) {
        const std::lock_guard lock(mutex);
        result = std::move(r);
        done = true;
        ready.notify_one();
    });
    {
        std::unique_lock lock(mutex);
        ready.wait(lock, [&] { return done; });
    }
    engine.stop();
    return result;
}

}  // namespace persona::host::admin
