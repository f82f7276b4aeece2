#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "host/app/host.h"
#include "host/generation/manager.h"
#include "tests/host/net/net_fixture.h"

namespace persona::host::testing {

/// Until `done` or 20 s have passed; for what a message will bring about.
inline bool await(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

/// An answer, taken apart.
struct Answer {
    int status = 0;
    std::string head, body;
    [[nodiscard]] std::string field(const std::string& name) const {
        const auto at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return "";
        const auto from = at + name.size() + 4;
        return head.substr(from, head.find("\r\n", from) - from);
    }
};

/// A whole host in this process, with the echo role on a free port and the filters of a test.
class HostUnderTest {
  public:
    HostUnderTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "persona-chain-XXXXXX");
        dir = ::mkdtemp(pattern.data());
    }
    ~HostUnderTest() {
        stop();
        std::error_code ignored;
        std::filesystem::remove_all(dir, ignored);
    }
    HostUnderTest(const HostUnderTest&) = delete;
    HostUnderTest& operator=(const HostUnderTest&) = delete;

    /// `filters`: the list under the service, in flow style; `more`: further top-level keys.
    void write(const std::string& filters, const std::string& more = "") const {
        std::ofstream(dir + "/host.yaml")
            << "process: test\nstate_dir: " << dir << "/state\nplugin_dir: " << plugin_dir
            << "\nloops: 2\ndrain_timeout: 5s\nlog: {level: debug, file: " << dir
            << "/log}\naccess_log: {file: " << dir << "/access.log}\n"
            << "admin: {address: \"127.0.0.1:0\", socket: " << dir << "/ctl.sock}\n"
            << "executors: {default: {threads: 8, queue: 4096, deadline: 10s}}\n"
            << "listeners: [{name: main, address: \"127.0.0.1:0\", service: echo, limits: "
               "{connections: 50000, "
               "connections_per_address: 50000}}]\n"
            << "upstreams: [{name: self, address: \"inproc:echo\"}, {name: round, address: "
               "\"inproc:echo\"}]\n"
            << more << "services: [{id: echo, module: echo.so, filters: [" << filters << "]}]\n";
    }
    /// Writes the file again with `to` in place of the first `from`.
    void change(const std::string& from, const std::string& to) const {
        auto text = read(dir + "/host.yaml");
        const auto at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        std::ofstream(dir + "/host.yaml") << text.replace(at, from.size(), to);
    }
    /// Empty, or why it does not start.
    std::string start() {
        host = std::make_unique<app::Host>(dir + "/host.yaml", MODULE_PROBE);
        const auto problems = host->load();
        if (!problems.empty()) return problems.front();
        return host->start();
    }
    void stop() { host.reset(); }

    [[nodiscard]] unsigned short port() const { return host->port("main"); }
    Answer ask(const std::string& fields = "", const std::string& body = "",
               const std::string& target = "/echo") const {
        net::testing::RawClient client(port());
        client.send(
            (body.empty() ? "GET " : "POST ") + target + " HTTP/1.1\r\nHost: t\r\n" + fields +
            (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
            "Connection: close\r\n\r\n" + body);
        return parse(client.readAll());
    }
    static Answer parse(const std::string& all) {
        Answer a;
        const auto end = all.find("\r\n\r\n");
        if (end == std::string::npos || all.size() < 12) return a;
        a.head = all.substr(0, end + 2);
        a.body = all.substr(end + 4);
        a.status = std::atoi(all.substr(9, 3).c_str());
        return a;
    }
    /// A metric of the Prometheus page; -1 when there is none.
    [[nodiscard]] long metric(const std::string& name) const {
        net::testing::RawClient client(host->port("admin"));
        client.send("GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        const auto page = client.readAll();
        const auto at = page.find("\npersona_" + name + " ");
        return at == std::string::npos ? -1 : std::atol(page.c_str() + at + name.size() + 10);
    }
    [[nodiscard]] std::string log() const { return read(dir + "/log"); }
    [[nodiscard]] bool logHas(const std::string& text) const {
        return await([&] { return log().find(text) != std::string::npos; });
    }
    [[nodiscard]] std::string accessLog() const { return read(dir + "/access.log"); }
    static std::string read(const std::string& file) {
        std::ifstream in(file);
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }
    generation::Outcome reload(bool dry_run = false) const {
        std::promise<generation::Outcome> answer;
        host->generations().reload("test", dry_run,
                                   [&](const generation::Outcome& o) { answer.set_value(o); });
        return answer.get_future().get();
    }
    generation::Outcome revert() const {
        std::promise<generation::Outcome> answer;
        host->generations().revert("test",
                                   [&](const generation::Outcome& o) { answer.set_value(o); });
        return answer.get_future().get();
    }
    [[nodiscard]] std::vector<generation::Info> generations() const {
        std::promise<std::vector<generation::Info>> answer;
        host->onControl([&] { answer.set_value(host->generations().list()); });
        return answer.get_future().get();
    }

    std::string dir, plugin_dir = MODULES_DIR;
    std::unique_ptr<app::Host> host;
};

/// One filter block of the sample plugin.
inline std::string sample(const std::string& options = "", const std::string& on_error = "deny",
                          const std::string& module = "sample_v1.so",
                          const std::string& id = "sample") {
    return "{id: " + id + ", module: " + module + ", on_error: " + on_error + ", config: {" +
           options + "}}";
}

}  // namespace persona::host::testing
