#include <gmock/gmock.h>
#include <yaml-cpp/yaml.h>

#include <functional>

#include "host/config/host_config.h"

/// Every key of the host, spoilt one at a time: none may be taken silently. The document below
/// names every key, and a test holds it to that, so a new key comes under these tests by itself.
namespace persona::host::config {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEverything[] = R"(
process: local
state_dir: var
plugin_dir: /plugins
pid_file: var/pid
lockdown: true
loops: 2
drain_timeout: 30s
log: {level: info, file: var/log, format: json}
access_log: {file: var/access.log}
statsd: {enabled: true, address: "127.0.0.1:8125"}
admin: {address: "127.0.0.1:10020", socket: var/run/ctl.sock, socket_mode: 0600}
outbound: {ca_file: ca.pem}
modules_maturity: beta
test_open_roles: false
thread_check: false
watchdog: {warn: 1s, abort: 10s}
tables: {snapshot_interval: 30s}
generations:
  drain_timeout: 30s
  watch: 60s
  smoke_deadline: 5s
  shadow: 0ms
  auto_rollback: true
  smoke: true
  watch_plugins: false
shared_state:
  module: state.so
  period: 100ms
  deadline: 50ms
  tables: {login.tries: half, antiabuse.prefixes: whole}
  config: {}
heuristics:
  - {id: h, module: h.so, on_error: allow, budget: 200us}
executors: {default: {threads: 4, queue: 10, deadline: 10s, nice: 5}}
listeners:
  - name: web
    address: "127.0.0.1:10002"
    service: router
    unix_mode: 0660
    tls: {certificate_file: c.pem, key_file: k.pem, client_ca_file: ca.pem}
    trusted_proxies: [10.0.0.0/8, unix]
    forwarded_header: forwarded
    own_authorities: [login.example]
    limits:
      header_bytes: 16KiB
      header_fields: 100
      body_bytes: 1MiB
      header_deadline: 10s
      idle_timeout: 15s
      write_timeout: 10s
      body_min_rate: 500B
      body_grace: 2s
      connections: 16000
      connections_per_address: 4096
      requests_per_connection: 0
upstreams:
  - name: up
    addresses: ["http://127.0.0.1:1"]
    address: "http://127.0.0.1:2"
    connect_timeout: 2s
    first_byte_timeout: 15s
    total_timeout: 60s
    idle_timeout: 60s
    max_connections: 256
    max_queue: 1024
    eject_after: 5
    ejection: 10s
    slow_start: 10s
    health_path: /up
    health_interval: 5s
    tls: {ca_file: ca.pem, certificate_file: c.pem, key_file: k.pem, server_name: x}
services:
  - id: router
    module: router.so
    depends_on: [up]
    filters:
      - {id: log, builtin: access-log, on_error: deny, pause_deadline: 250ms, budget: 1ms}
)";

struct Result {
    std::vector<std::string> problems;
    std::vector<Effective> effective;
};
Result read(const std::string& text) {
    auto d = Document::fromText(text, "c.yaml");
    (void)readHostConfig(d, "/plugins");
    return {d.problems(), d.effective()};
}

/// Calls `visit(path, node)` for every node below `node`; the node may be assigned to.
void walk(YAML::Node node, const std::string& path,
          const std::function<void(const std::string&, YAML::Node)>& visit) {
    visit(path, node);
    if (node.IsMap())
        for (auto it : node)
            walk(it.second, path.empty() ? it.first.Scalar() : path + "." + it.first.Scalar(),
                 visit);
    else if (node.IsSequence() && node.size() != 0 && node[0].IsMap())
        for (std::size_t i = 0; i < node.size(); ++i)
            walk(node[i], path + "[" + std::to_string(i) + "]", visit);
}

std::string withChange(const std::string& at, const std::function<void(YAML::Node)>& change) {
    const auto root = YAML::Load(kEverything);
    bool found = false;
    walk(root, "", [&](const std::string& path, const YAML::Node& node) {
        if (path != at || found) return;
        found = true;
        change(node);
    });
    EXPECT_TRUE(found) << at;
    return YAML::Dump(root);
}

TEST(EveryKey, theDocumentIsSoundAndNamesThemAll) {
    const auto r = read(kEverything);
    EXPECT_THAT(r.problems, IsEmpty());
    for (const auto& e : r.effective)
        if (e.path != "services[0].filters[0].module") {
            EXPECT_NE(e.origin, "default") << e.path << " is a new key: add it to kEverything";
        }
}

TEST(EveryKey, ofTheWrongKindIsRefusedByName) {
    std::vector<std::string> scalars, lists;
    walk(YAML::Load(kEverything), "", [&](const std::string& path, const YAML::Node& node) {
        if (node.IsScalar()) scalars.push_back(path);
        if (node.IsSequence()) lists.push_back(path);
    });
    ASSERT_GT(scalars.size(), 40u);
    ASSERT_GT(lists.size(), 5u);
    for (const auto& path : scalars)
        for (const char* wrong : {"[a, b]", "{a: b}"})
            EXPECT_THAT(
                read(withChange(path, [&](YAML::Node n) { n = YAML::Load(wrong); })).problems,
                Contains(HasSubstr(path.substr(path.rfind('.') + 1))))
                << path << ": " << wrong;
    for (const auto& path : lists)
        for (const char* wrong : {"text", "{a: b}"})
            EXPECT_THAT(
                read(withChange(path, [&](YAML::Node n) { n = YAML::Load(wrong); })).problems,
                Contains(HasSubstr(path.substr(path.rfind('.') + 1))))
                << path << ": " << wrong;
}

TEST(EveryKey, thatIsUnknownIsRefusedInEveryMap) {
    std::vector<std::string> maps;
    walk(YAML::Load(kEverything), "", [&](const std::string& path, const YAML::Node& node) {
        // Executors and tables are named by the operator, options by a plugin: any key is one.
        const bool open =
            path == "executors" || path == "shared_state.tables" || path == "shared_state.config";
        if (node.IsMap() && !open) maps.push_back(path);
    });
    ASSERT_GT(maps.size(), 10u);
    for (const auto& path : maps)
        EXPECT_THAT(read(withChange(path, [](YAML::Node n) { n["zzz"] = "x"; })).problems,
                    Contains(HasSubstr("unknown key 'zzz'")))
            << "in " << path;
}

TEST(EveryKey, withAUnitThatIsNoneIsRefused) {
    std::vector<std::string> numbers;
    const auto root = YAML::Load(kEverything);
    walk(root, "", [&](const std::string& path, const YAML::Node& node) {
        if (node.IsScalar() && !node.Scalar().empty() && node.Scalar()[0] >= '0' &&
            node.Scalar()[0] <= '9' && node.Scalar().find_first_of(".:/") == std::string::npos)
            numbers.push_back(path);
    });
    ASSERT_GT(numbers.size(), 20u);
    for (const auto& path : numbers)
        for (const char* wrong : {"-1", "8parsecs", "99999999999999999999", "1e3", "0x10", "''"})
            EXPECT_THAT(
                read(withChange(path, [&](YAML::Node n) { n = YAML::Load(wrong); })).problems,
                Contains(HasSubstr(path.substr(path.rfind('.') + 1))))
                << path << ": " << wrong;
}

TEST(EveryKey, permissionsAreOctal) {
    for (const char* wrong : {"rw-rw----", "0888", "01777", "-0660"})
        EXPECT_THAT(
            read(withChange("listeners[0].unix_mode", [&](YAML::Node n) { n = wrong; })).problems,
            Contains(HasSubstr("octal permissions such as 0660")))
            << wrong;
    auto d = Document::fromText(kEverything, "c.yaml");
    EXPECT_EQ(readHostConfig(d, "/plugins").engine.listeners.at(0).unix_mode, 0660u);
}

TEST(Defaults, areShownAsTheyWouldBeWritten) {
    const auto r = read(
        "listeners: [{name: a, address: \"127.0.0.1:1\", service: s}]\n"
        "services: [{id: s, module: s.so}]\n");
    const auto shown = [&](const std::string& path) {
        for (const auto& e : r.effective)
            if (e.path == path) return e.value;
        return std::string("(absent)");
    };
    EXPECT_EQ(shown("drain_timeout"), "30s");
    EXPECT_EQ(shown("listeners[0].limits.header_bytes"), "16KiB");
    EXPECT_EQ(shown("listeners[0].limits.body_min_rate"), "500B");
    EXPECT_EQ(shown("listeners[0].unix_mode"), "0660");
}

}  // namespace
}  // namespace persona::host::config
