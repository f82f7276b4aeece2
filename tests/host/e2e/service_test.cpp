#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "libs/protocol/key.h"
#include "libs/protocol/token.h"
#include "tests/host/net/net_fixture.h"

/// persona-host itself, as a process, with the roles that ship: what an operator and a site would
/// see.
namespace persona::host {
namespace {

using net::testing::RawClient;
using protocol::Algorithm;
using protocol::SecretKey;

unsigned short freePort() {
    net::SocketAddress a;
    std::string error;
    EXPECT_TRUE(net::parseSocketAddress("127.0.0.1:0", a, error));
    const auto fd = net::listenOn(a, "test", false, 0, error);
    socklen_t size = sizeof a.storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
    return a.port();
}

class Process {
  public:
    Process(const std::string& config, const std::string& log) {
        pid_ = ::fork();
        if (pid_ == 0) {
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
    }
    ~Process() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    void signal(int s) const { ::kill(pid_, s); }
    int wait() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

  private:
    pid_t pid_ = -1;
};

std::string readFile(const std::string& name) {
    std::ifstream in(name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

class Service : public ::testing::Test {
  protected:
    void SetUp() override {
        char pattern[] = "/tmp/persona-e2e-XXXXXX";
        dir_ = ::mkdtemp(pattern);
        port_ = freePort();
        config_ = dir_ + "/host.yaml";
        std::ofstream(config_) << yaml();
    }
    void TearDown() override {
        process_.reset();
        const std::string remove = "rm -rf " + dir_;
        EXPECT_EQ(std::system(remove.c_str()), 0);
    }
    [[nodiscard]] std::string yaml(const std::string& limits = "header_deadline: 10s") const {
        const auto p = std::to_string(port_);
        return "process: test\nstate_dir: " + dir_ +
               "/state\nloops: 2\ndrain_timeout: 5s\naccess_log: {file: " + dir_ +
               "/access.log}\n" + "common:\n  public_url: http://127.0.0.1:" + p +
               "\n  disable_primary_support: true\n  extension_algorithms: [ES256]\n  domain_key: "
               "{public_file: " +
               dir_ + "/domain.json}\n  secrets: {roles: " + dir_ + "/roles}\n" +
               "listeners:\n  - {name: router, address: \"127.0.0.1:" + p +
               "\", service: router, limits: {" + limits + "}}\n" +
               "upstreams:\n  - {name: verifier, address: \"inproc:verifier\"}\n  - {name: static, "
               "address: \"inproc:static\"}\n" +
               "services:\n  - {id: keysigner, module: keysigner.so, config: {domain_key: {file: " +
               dir_ + "/domain.pem}}}\n" +
               "  - {id: verifier, module: verifier.so}\n  - {id: static, module: static.so}\n" +
               "  - {id: router, module: router.so, depends_on: [static], filters: [{id: "
               "access-log, builtin: access-log}, {id: statsd, builtin: statsd}]}\n";
    }
    void startService() {
        process_ = std::make_unique<Process>(config_, dir_ + "/log");
        for (int i = 0; i < 600; ++i) {
            if (readFile(dir_ + "/log").find("ready:") != std::string::npos) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        FAIL() << "not ready: " << readFile(dir_ + "/log");
    }
    std::string ask(const std::string& method, const std::string& target,
                    const std::string& body = "", const std::string& fields = "") {
        RawClient client(port_);
        client.send(
            method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) +
            "\r\nConnection: close\r\n" + fields +
            (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
            "\r\n" + body);
        return client.readAll();
    }
    std::string verify(const std::string& bundle, const std::string& audience) {
        const auto answer =
            ask("POST", "/verify",
                R"({"assertion":")" + bundle + R"(","audience":")" + audience + "\"}",
                "Content-Type: application/json\r\n");
        return answer.substr(answer.find("\r\n\r\n") + 4);
    }
    std::string dir_, config_;
    unsigned short port_ = 0;
    std::unique_ptr<Process> process_;
};

std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

TEST_F(Service, VerifiesABundleAndRefusesWithReasons) {
    startService();
    EXPECT_NE(ask("GET", "/.well-known/browserid").find("\"public-key\""), std::string::npos);
    EXPECT_TRUE(ask("GET", "/__heartbeat__?deep").ends_with("\r\n\r\nok"));
    // What keysigner would issue and a browser would sign, with the service's own key.
    const auto domain = SecretKey::fromPem(readFile(dir_ + "/domain.pem"));
    ASSERT_TRUE(domain.ok()) << domain.error();
    struct stat st {};
    ASSERT_EQ(::stat((dir_ + "/domain.pem").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
    const auto user = SecretKey::generate(Algorithm::ES256);
    ASSERT_TRUE(user.ok());
    const auto user_public = user->publicKey();
    ASSERT_TRUE(user_public.ok());
    const auto now = nowMs();
    const auto bundle = [&](std::int64_t assertion_expires) {
        const auto certificate = protocol::signToken(
            *domain,
            protocol::certificatePayload(
                {"127.0.0.1", "ann@mail.example", false, now - 1'000, now + 60'000}, *user_public));
        const auto assertion =
            protocol::signToken(*user, "{\"exp\":" + std::to_string(assertion_expires) +
                                           ",\"aud\":\"https://site.example\"}");
        EXPECT_TRUE(certificate.ok() && assertion.ok());
        return *certificate + "~" + *assertion;
    };
    const auto good = bundle(now + 120'000);
    const auto okay = verify(good, "https://site.example");
    EXPECT_NE(okay.find(R"("status":"okay","email":"ann@mail.example")"), std::string::npos)
        << okay;
    EXPECT_EQ(verify(good, "https://other.example"),
              R"({"status":"failure","reason":"audience mismatch: domain mismatch"})");
    EXPECT_EQ(verify(bundle(now - 1'000), "https://site.example"),
              R"({"status":"failure","reason":"assertion has expired"})");
    auto tampered = good;
    // The last octet but one of the certificate's signature: its bits are all significant.
    const auto at = tampered.find('~') - 3;
    tampered[at] = tampered[at] == 'A' ? 'B' : 'A';
    EXPECT_EQ(verify(tampered, "https://site.example"),
              R"({"status":"failure","reason":"bad signature in chain"})");
}

TEST_F(Service, RefusesWhatTheRouterMust) {
    startService();
    EXPECT_NE(ask("GET", "/wsapi/nope").find("400 Bad Request"), std::string::npos);
    EXPECT_NE(ask("POST", "/wsapi/saw_idp").find("404 Not Found"), std::string::npos);
    EXPECT_NE(ask("POST", "/wsapi/cert_key", "{}").find("502 Bad Gateway"), std::string::npos)
        << "no role serves it yet, and keysigner is not reached from outside";
    EXPECT_NE(ask("POST", "/verify", std::string(10'241, 'a'), "Content-Type: application/json\r\n")
                  .find("413 "),
              std::string::npos);
    EXPECT_NE(ask("GET", "/nothing").find("404 Not Found"), std::string::npos);
    const auto home = ask("GET", "/");
    const auto etag = home.substr(home.find("ETag: ") + 6,
                                  home.find("\r\n", home.find("ETag: ")) - home.find("ETag: ") - 6);
    EXPECT_NE(ask("GET", "/", "", "If-None-Match: " + etag + "\r\n").find("304 Not Modified"),
              std::string::npos);
}

TEST_F(Service, DrainsOnSigtermReloadsOnSighupAndOwnsItsPort) {
    startService();
    {
        Process second(config_, dir_ + "/second.log");
        EXPECT_EQ(second.wait(), 69);
        EXPECT_NE(readFile(dir_ + "/second.log").find("another process has this address"),
                  std::string::npos)
            << readFile(dir_ + "/second.log");
    }
    process_->signal(SIGHUP);
    for (int i = 0; i < 200 && readFile(dir_ + "/log").find("reloaded") == std::string::npos; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_NE(readFile(dir_ + "/log").find("reloaded"), std::string::npos);
    std::ofstream(config_) << yaml("header_dedline: 10s");
    process_->signal(SIGHUP);
    for (int i = 0; i < 200 && readFile(dir_ + "/log").find("refused") == std::string::npos; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_NE(readFile(dir_ + "/log").find("did you mean 'header_deadline'?"), std::string::npos)
        << readFile(dir_ + "/log");
    EXPECT_NE(ask("GET", "/").find("200 OK"), std::string::npos);
    process_->signal(SIGTERM);
    EXPECT_EQ(process_->wait(), 0) << readFile(dir_ + "/log");
    EXPECT_NE(readFile(dir_ + "/access.log").find("\"GET / HTTP/1.1\" 200"), std::string::npos);
}

TEST_F(Service, ABadConfigurationStartsNothing) {
    std::ofstream(config_) << yaml("header_deadline: soon");
    Process process(config_, dir_ + "/log");
    EXPECT_EQ(process.wait(), 78);
    EXPECT_NE(
        readFile(dir_ + "/log").find("expected a duration such as 30s or 250ms, got \"soon\""),
        std::string::npos)
        << readFile(dir_ + "/log");
}

TEST_F(Service, SlowHeadersHurtNobodyElse) {
    startService();
    for (const std::size_t slow : {16u, 200u, 2000u}) {
        std::vector<std::unique_ptr<RawClient>> clients;
        for (std::size_t i = 0; i < slow; ++i) {
            clients.push_back(std::make_unique<RawClient>(port_));
            clients.back()->send("GET / HTTP/1.1\r\nHost: ");
        }
        std::size_t served = 0;
        for (int i = 0; i < 100; ++i)
            served += ask("GET", "/").find("200 OK") != std::string::npos ? 1 : 0;
        EXPECT_EQ(served, 100u) << slow << " slow clients";
    }
}

}  // namespace
}  // namespace persona::host
