#include "tests/support/service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "libs/wsapi/credentials.h"
#include "libs/wsapi/session.h"
#include "tests/support/child.h"

namespace persona::testing {

namespace {

using std::chrono::milliseconds;

std::string readFile(const std::string& name) {
    std::ifstream in(name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

const std::vector<std::string> kRoles{"keysigner", "dbwriter", "browserid",
                                      "verifier",  "static",   "router"};

/// The link of a mail, from the header field that has it for test tools; empty: none.
std::string linkOf(const std::string& mail) {
    const auto at = mail.find("X-BrowserID-VerificationURL:");
    if (at == std::string::npos) return {};
    std::string out;
    for (auto i = mail.find(':', at) + 1; i < mail.size(); ++i) {
        // A field goes on in lines that begin with a blank.
        if (mail[i] == '\n' && i + 1 < mail.size() && mail[i + 1] != ' ' && mail[i + 1] != '\t')
            break;
        if (mail[i] > ' ') out.push_back(mail[i]);
    }
    return out;
}

}  // namespace

/// Below the range of outgoing connections: a port that is free there would be taken by any client
/// of a test beside this one before a service can listen on it. Each process walks through a block
/// of its own, so that neither it nor another test gives the same port away twice.
unsigned short freePort() {
    constexpr unsigned kFirst = 12'000, kBlock = 400, kBlocks = 50;
    static unsigned next = std::random_device{}();
    const auto block = kFirst + static_cast<unsigned>(::getpid()) % kBlocks * kBlock;
    for (unsigned tries = 0; tries < kBlock; ++tries) {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto port = static_cast<unsigned short>(block + next++ % kBlock);
        a.sin_port = htons(port);
        const bool is_free = ::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
        ::close(fd);
        if (is_free) return port;
    }
    std::abort();
}

Service::Service(ServiceOptions options) : options_(std::move(options)) {
    char pattern[] = "/tmp/persona-service-XXXXXX";
    dir_ = ::mkdtemp(pattern);
    for (const auto& role : kRoles) ports_[role] = freePort();
    writeConfiguration();
}

Service::~Service() {
    const auto running = running_;
    for (const auto& [name, pid] : running) kill(name);
    if (::testing::Test::HasFailure()) std::fprintf(stderr, "%s\n", log().c_str());
    std::filesystem::remove_all(dir_);
}

void Service::write(const std::string& process, const std::string& yaml) const {
    std::ofstream(dir_ + "/" + process + ".yaml") << yaml;
}

/// browserid's account may do nothing but SELECT.
std::string Service::databaseLine(bool writes) const {
    if (options_.database == Database::Sqlite)
        return "database: {driver: sqlite, file: " + database() + options_.database_more + "}";
    return "database: {driver: mysql, port: " + std::to_string(options_.mysql_port) +
           ", name: " + databaseName() +
           ", user: " + (writes ? options_.mysql_user : options_.mysql_reader) +
           options_.database_more + "}";
}

std::string Service::databaseName() const {
    return "t" + dir_.substr(dir_.rfind('-') + 1);
}

Service::Said Service::operate(const std::string& role,
                               const std::vector<std::string>& words) const {
    const auto process = options_.shape == Shape::OneProcess ? "local" : role;
    Child::Options o;
    o.arguments = {std::string(PERSONA_BUILD_DIR) + "/bin/persona-host"};
    o.arguments.insert(o.arguments.end(), words.begin(), words.end());
    o.environment = {"PERSONA_CONTROL_SOCKET=" + dir_ + "/" + process + ".sock"};
    o.stderr_file = dir_ + "/said";
    std::filesystem::remove(o.stderr_file);
    const auto done = Child::run(o, milliseconds(60'000));
    return {done.code.value_or(-1), done.out, readFile(o.stderr_file)};
}

std::map<std::string, std::int64_t> Service::counters(const std::string& role) const {
    const auto said = operate(role, {"ctl", "--json", "counters"});
    const auto json = protocol::Json::parse(said.out);
    const auto* metrics = json ? json->find("metrics") : nullptr;
    EXPECT_NE(metrics, nullptr) << said.err;
    std::map<std::string, std::int64_t> out;
    const auto prefix = "browserid." + role + ".";
    if (metrics != nullptr)
        for (const auto& [name, value] : metrics->members())
            if (name.starts_with(prefix))
                out[name.substr(prefix.size())] = static_cast<std::int64_t>(value.number());
    return out;
}

Response Service::callRole(const std::string& role, const std::string& call,
                           const std::string& json) const {
    const auto secret = wsapi::loadOrCreateKeyRing(dir_ + "/s/roles");
    EXPECT_TRUE(secret) << secret.error();
    const auto target = "/wsapi/" + call;
    const wsapi::CredentialSigner signer(*secret, "test");
    std::vector<std::pair<std::string, std::string>> fields{{"Content-Type", "application/json"}};
    const auto now = std::chrono::duration_cast<milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    for (auto& f : signer.sign({role, "POST", target, json}, now)) fields.push_back(f);
    return Browser(port(role)).send("POST", target, json, fields);
}

void Service::writeConfiguration() const {
    const std::vector<std::string> own{
        "public_url: " + url(),
        "extension_algorithms: [ES256, Ed25519]",
        "domain_key: {public_file: " + dir_ + "/domain.json}",
        "secrets: {roles: " + dir_ + "/s/roles, class: " + dir_ + "/s/class, cookie: " + dir_ +
            "/s/cookie, passwords: " + dir_ + "/s/passwords}",
        databaseLine(true),
        "disable_primary_support: true",
        "bcrypt_work_factor: 4",
        "min_time_between_emails: 0ms",
        "mail: {transport: file, directory: " + dir_ + "/mail, daily_cap: 0}"};
    const auto key = [](const std::string& line) { return line.substr(0, line.find(':')); };
    // Keys that only some roles have are refused elsewhere, so every process gets those it knows.
    const auto common = [&](const std::string& process) {
        std::string out = "common:\n";
        auto lines = options_.common;
        for (const auto& line : own)
            if (std::none_of(lines.begin(), lines.end(),
                             [&](const auto& l) { return key(l) == key(line); }))
                lines.push_back(line);
        for (const auto& line : lines) {
            const auto k = key(line);
            const bool everywhere = k == "public_url";
            const bool keys = k == "extension_algorithms" || k == "domain_key";
            const bool discovery = k == "disable_primary_support" || k == "http_proxy" ||
                                   k == "discovery_overrides" || k == "proxy_idps";
            const bool roles =
                process == "local" || process == "dbwriter" || process == "browserid";
            const bool browserid_only = k == "kpi" || k == "code_version";
            const bool dbwriter_only = k == "min_time_between_emails" || k == "mail" ||
                                       k == "smtp" || k == "staged_lifetime" ||
                                       k == "reset_lifetime" || k == "supported_languages" ||
                                       k == "default_lang";
            if (everywhere || process == "local" || (roles && !dbwriter_only && !browserid_only) ||
                (process == "dbwriter" && dbwriter_only) ||
                (process == "browserid" && browserid_only) ||
                (process == "router" && k == "code_version") ||
                (discovery && process == "verifier") ||
                (keys && (process == "keysigner" || process == "verifier" ||
                          (process == "static" && k == "domain_key"))))
                out += "  " +
                       (process == "browserid" && line == databaseLine(true) ? databaseLine(false)
                                                                             : line) +
                       "\n";
            else if (process == "keysigner" && k == "secrets")
                out += "  secrets: {roles: " + dir_ + "/s/roles}\n";
        }
        return out;
    };
    const std::string executors =
        "executors:\n  default: {threads: 2, queue: 256, deadline: 10s}\n"
        "  api: {threads: 4, queue: 256, deadline: 10s}\n"
        "  writes: {threads: 4, queue: 256, deadline: 10s}\n"
        "  passwords: " +
        options_.executors_passwords + "\n";
    const auto heuristics = [&] {
        std::string out = options_.heuristics.empty() ? "" : "heuristics:\n";
        for (auto block : options_.heuristics) {
            if (const auto at = block.find("$DIR"); at != std::string::npos)
                block.replace(at, 4, dir_);
            out += "  - " + block + "\n";
        }
        return out;
    };
    std::string top;
    for (const auto& line : options_.top) top += line + "\n";
    const auto head = [&](const std::string& process) {
        return top + "process: " + process + "\nstate_dir: " + dir_ + "/state-" + process +
               "\nloops: 2\ndrain_timeout: 5s\nadmin: {socket: " + dir_ + "/" + process +
               ".sock}\n" + common(process);
    };
    const auto listener = [&](const std::string& role) {
        return "  - {name: " + role + ", address: \"127.0.0.1:" + std::to_string(port(role)) +
               "\", service: " + role +
               (role == "router" ? "" : ", trusted_proxies: [127.0.0.1/32]") + "}\n";
    };
    const auto service = [&](const std::string& role) {
        std::string out = "  - id: " + role + "\n    module: " + role + ".so\n";
        if (role == "keysigner")
            out += "    config: {domain_key: {file: " + dir_ + "/domain.pem" +
                   options_.domain_key_more + "}}\n";
        if (role == "router")
            out +=
                "    depends_on: [browserid, static]\n    filters: [{id: access-log, builtin: "
                "access-log}, {id: statsd, builtin: statsd}" +
                (options_.heuristics.empty()
                     ? std::string()
                     : ", {id: antiabuse, module: antiabuse.so, on_error: deny, config: {secrets: "
                       "{antiabuse: " +
                           dir_ + "/s/antiabuse, class: " + dir_ +
                           "/s/class}, explain: {file: " + dir_ + "/explain.jsonl}}}") +
                "]\n";
        return out;
    };
    const auto upstream = [&](const std::string& role) {
        const auto elsewhere = options_.upstreams.find(role);
        if (elsewhere != options_.upstreams.end())
            return "  - {name: " + role + ", addresses: [\"" + elsewhere->second + "\"]}\n";
        return "  - {name: " + role +
               (options_.shape == Shape::OneProcess
                    ? ", address: \"inproc:" + role + "\"}\n"
                    : ", addresses: [\"http://127.0.0.1:" + std::to_string(port(role)) + "\"]}\n");
    };
    if (options_.shape == Shape::OneProcess) {
        std::string yaml = head("local") + "access_log: {file: " + dir_ + "/access.log}\n" +
                           executors + "listeners:\n";
        for (const auto& role : kRoles) yaml += listener(role);
        yaml += "upstreams:\n";
        for (const auto& role : kRoles)
            if (role != "router") yaml += upstream(role);
        yaml += heuristics() + "services:\n";
        for (const auto& role : kRoles) yaml += service(role);
        return write("local", yaml);
    }
    for (const auto& role : kRoles) {
        std::string yaml = head(role) + executors + "listeners:\n" + listener(role);
        if (role == "router") {
            yaml += "access_log: {file: " + dir_ + "/access.log}\nupstreams:\n";
            for (const auto* other : {"browserid", "dbwriter", "verifier", "static"})
                yaml += upstream(other);
            yaml += heuristics();
        }
        if (role == "browserid")
            yaml += "upstreams:\n" + upstream("dbwriter") + upstream("keysigner");
        write(role, yaml + "services:\n" + service(role));
    }
}

void Service::start() {
    const auto processes =
        options_.shape == Shape::OneProcess ? std::vector<std::string>{"local"} : kRoles;
    for (const auto& process : processes) {
        if (running_.contains(process)) continue;
        const auto config = dir_ + "/" + process + ".yaml", log = dir_ + "/" + process + ".log";
        std::filesystem::remove(log);
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(126);
            // What the caller's environment sets would override the test's configuration.
            std::vector<std::string> ours;
            for (char** e = environ; *e != nullptr; ++e)
                if (std::string_view(*e).starts_with("PERSONA_"))
                    ours.emplace_back(*e, std::string_view(*e).find('='));
            for (const auto& name : ours) ::unsetenv(name.c_str());
            const std::string program = std::string(PERSONA_BUILD_DIR) + "/bin/persona-host";
            ::execl(program.c_str(), program.c_str(), "run", config.c_str(), nullptr);
            ::_exit(127);
        }
        running_[process] = pid;
        bool ready = false;
        for (int i = 0; i < 4'800 && !ready; ++i) {
            ready = readFile(log).find("ready:") != std::string::npos;
            if (!ready) std::this_thread::sleep_for(milliseconds(25));
            if (!ready && ::waitpid(pid, nullptr, WNOHANG) == pid) {
                running_.erase(process);
                break;
            }
        }
        ASSERT_TRUE(ready) << process << " did not start: " << readFile(log);
    }
}

void Service::signal(const std::string& process, int number) const {
    ::kill(running_.at(process), number);
    // A process of several threads has stopped when the last of them has; till then it may answer.
    if (number == SIGSTOP)
        ::waitid(P_PID, static_cast<id_t>(running_.at(process)), nullptr, WSTOPPED);
}

void Service::kill(const std::string& process) {
    const auto at = running_.find(process);
    if (at == running_.end()) return;
    ::kill(at->second, SIGCONT);
    ::kill(at->second, SIGKILL);
    ::waitpid(at->second, nullptr, 0);
    running_.erase(at);
}

int Service::stop(const std::string& process) {
    const auto pid = running_.at(process);
    ::kill(pid, SIGTERM);
    int status = 0;
    ::waitpid(pid, &status, 0);
    running_.erase(process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Service::cookieName() const {
    return wsapi::SessionCookies({url(), {std::string(32, 'x')}}).name();
}

std::string Service::log() const {
    std::string out;
    for (const auto& entry : std::filesystem::directory_iterator(dir_))
        if (entry.path().extension() == ".log")
            out += "== " + entry.path().filename().string() + "\n" + readFile(entry.path());
    return out;
}

bool Service::logHas(const std::string& text) const {
    for (int i = 0; i < 400; ++i) {
        if (log().find(text) != std::string::npos) return true;
        std::this_thread::sleep_for(milliseconds(25));
    }
    return false;
}

std::vector<std::string> Service::mails(const std::string& to) const {
    std::error_code none;
    std::vector<std::filesystem::directory_entry> files;
    for (const auto& e : std::filesystem::directory_iterator(dir_ + "/mail", none))
        if (e.path().extension() == ".eml") files.push_back(e);
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
        const auto x = a.last_write_time(), y = b.last_write_time();
        return x != y ? x < y : a.path() < b.path();
    });
    std::vector<std::string> out;
    for (const auto& f : files) {
        auto text = readFile(f.path());
        if (text.find("To: " + to) != std::string::npos ||
            text.find("To: <" + to + ">") != std::string::npos)
            out.push_back(std::move(text));
    }
    return out;
}

std::vector<std::string> Service::tokens(const std::string& to) const {
    std::vector<std::string> out;
    for (const auto& mail : mails(to)) {
        const auto link = linkOf(mail);
        const auto at = link.find("?token=");
        if (at != std::string::npos) out.push_back(link.substr(at + 7));
    }
    return out;
}

std::string Service::token(const std::string& to, std::size_t count) const {
    for (int i = 0; i < 400; ++i) {
        auto all = tokens(to);
        if (all.size() >= count) return std::move(all.back());
        std::this_thread::sleep_for(milliseconds(25));
    }
    ADD_FAILURE() << "no mail number " << count << " with a token to " << to;
    return "";
}

}  // namespace persona::testing
