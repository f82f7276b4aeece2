#include "host/admin/control_client.h"

#include <dirent.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "host/config/host_config.h"
#include "host/net/call_once.h"

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
    net::UpstreamSettings control;
    control.name = "control";
    control.addresses = {"unix:" + std::filesystem::absolute(socket).string()};
    net::EngineSettings settings;
    settings.upstreams.push_back(control);
    net::ClientRequest request;
    request.method = method;
    request.target = target;
    request.fields.add("Host", "control");
    if (!body.empty()) request.fields.add("Content-Type", "application/json");
    request.body = body;
    request.max_body = 16 << 20;
    request.deadline = net::milliseconds(60'000);
    return net::callOnce(std::move(settings), std::move(request), control.name);
}

}  // namespace persona::host::admin
