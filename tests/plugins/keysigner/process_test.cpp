#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "libs/protocol/json.h"
#include "libs/protocol/token.h"
#include "tests/host/net/net_fixture.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

/// keysigner as a process: rotation under load, lock-down, overload. Asked over its own listener,
/// with `test_open_roles`, as another role would ask.
namespace persona::keysigner {
namespace {

using host::net::testing::RawClient;
using protocol::Json;
using testing::Child;
using testing::readText;
using namespace std::chrono_literals;

unsigned short freePort() {
    host::net::SocketAddress a;
    std::string error;
    EXPECT_TRUE(host::net::parseSocketAddress("127.0.0.1:0", a, error));
    const auto fd = host::net::listenOn(a, "test", false, 0, error);
    socklen_t size = sizeof a.storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&a.storage), &size);
    return a.port();
}

struct Answer {
    std::string status, head, body;
};

Answer ask(unsigned short port, const std::string& method, const std::string& target,
           const std::string& body = "") {
    RawClient client(port);
    client.send(method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" +
                (body.empty() ? ""
                              : "Content-Type: application/json\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n") +
                "\r\n" + body);
    const auto text = client.readAll();
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return {"", text, ""};
    return {text.substr(9, 3), text.substr(0, end), text.substr(end + 4)};
}

std::int64_t nowMs() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class KeysignerProcess : public ::testing::Test {
  protected:
    void start(const std::string& options, const std::string& top = "",
               const std::string& executor = "{threads: 4, queue: 1024, deadline: 10s}") {
        std::ofstream(dir_ / "host.yaml")
            << "process: test\nstate_dir: " << dir_ / "state"
            << "\nloops: 1\ndrain_timeout: 2s\n"
            << "test_open_roles: true\n"
            << top << "executors:\n  default: " << executor << "\ncommon:\n  public_url: "
            << "http://login.example\n  extension_algorithms: [ES256]\n  domain_key: "
               "{public_file: "
            << dir_ / "domain.json"
            << "}\n  secrets: {roles: " << dir_ / "roles"
            << "}\n  test_open_roles: true\nlisteners:\n"
            << listener("keysigner", signer_) << listener("verifier", verifier_)
            << listener("static", static_) << "services:\n  - id: keysigner\n    module: "
            << "keysigner.so\n    config:\n      domain_key: {file: " << dir_ / "domain.pem"
            << ", " << options << "}\n  - {id: verifier, module: verifier.so, config: "
            << "{disable_primary_support: true}}\n  - {id: static, module: static.so}\n";
        startHost(!top.empty());
    }
    /// With host.yaml as it stands.
    void startHost(bool locked_down = false) {
        std::filesystem::remove(dir_ / "log");
        Child::Options o;
        o.arguments = {std::string(PERSONA_BUILD_DIR) + "/bin/persona-host", dir_ / "host.yaml"};
        o.stderr_file = dir_ / "log";
        o.environment = environment_;
        // A process that is locked down cannot start the helper that looks for leaks.
        if (locked_down) o.environment.emplace_back("ASAN_OPTIONS=detect_leaks=0");
        child_ = std::make_unique<Child>(o);
        await([&] { return log().find("ready:") != std::string::npos; }, "it does not serve");
    }
    /// A SoftHSM token for the process; the options by which it is the domain key's place.
    std::string token() {
        std::filesystem::create_directory(dir_ / "tokens");
        std::ofstream(dir_ / "softhsm.conf") << "directories.tokendir = " << dir_ / "tokens"
                                             << "\nobjectstore.backend = file\n";
        std::ofstream(dir_ / "pin") << "5823-secret";
        EXPECT_EQ(::chmod((dir_ / "pin").c_str(), 0600), 0);
        environment_ = {"SOFTHSM2_CONF=" + (dir_ / "softhsm.conf")};
        Child::Options o;
        o.arguments = {"softhsm2-util", "--init-token", "--free", "--label",    "persona",
                       "--so-pin",      "12345678",     "--pin",  "5823-secret"};
        o.stderr_file = dir_ / "softhsm.log";
        o.environment = environment_;
        EXPECT_EQ(Child::run(o, 30s).code, 0) << readText(dir_ / "softhsm.log");
        return "pkcs11: {module: /usr/lib/softhsm/libsofthsm2.so, pin_file: " + (dir_ / "pin") +
               "}";
    }
    static std::string listener(const std::string& service, unsigned short port) {
        return "  - {name: " + service + ", address: \"127.0.0.1:" + std::to_string(port) +
               "\", service: " + service + "}\n";
    }
    void await(const std::function<bool()>& done, const std::string& what) {
        const auto until = std::chrono::steady_clock::now() + 60s;
        while (!done()) {
            if (std::chrono::steady_clock::now() > until) FAIL() << what << ":\n" << log();
            std::this_thread::sleep_for(20ms);
        }
    }
    [[nodiscard]] std::string log() const { return readText(dir_ / "log"); }
    Answer certify(const protocol::PublicKey& key) {
        return ask(signer_, "POST", "/wsapi/cert_key",
                   Json::object()
                       .add("email", "a@mail.example")
                       .add("pubkey", key.canonical())
                       .add("ephemeral", false)
                       .dump());
    }
    static std::string assertionOf(const protocol::SecretKey& user) {
        return *protocol::signToken(user, "{\"exp\":" + std::to_string(nowMs() + 120'000) +
                                              R"(,"aud":"https://site.example"})");
    }
    std::string verify(const std::string& bundle) {
        return ask(verifier_, "POST", "/verify",
                   R"({"assertion":")" + bundle + R"(","audience":"https://site.example"})")
            .body;
    }
    void rotatesUnderLoad(const std::string& options);

    testing::TempDir dir_;
    const unsigned short signer_ = freePort(), verifier_ = freePort(), static_ = freePort();
    std::unique_ptr<Child> child_;
    std::vector<std::string> environment_;
};

TEST_F(KeysignerProcess, AnIssuerIsForcedWithoutFurtherConfiguration) {
    start("algorithm: ES256");
    const auto user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    const auto forced = ask(signer_, "POST", "/wsapi/cert_key",
                            Json::object()
                                .add("email", "a@mail.example")
                                .add("pubkey", user.publicKey()->canonical())
                                .add("ephemeral", false)
                                .add("forceIssuer", "fxos.login.persona.org")
                                .dump());
    ASSERT_EQ(forced.status, "200") << forced.body;
    const auto said = ask(verifier_, "POST", "/verify",
                          R"({"assertion":")" + forced.body + "~" + assertionOf(user) +
                              R"(","audience":"https://site.example","experimental_forceIssuer":)"
                              R"("fxos.login.persona.org"})")
                          .body;
    EXPECT_NE(said.find(R"("issuer":"fxos.login.persona.org")"), std::string::npos) << said;
}

TEST_F(KeysignerProcess, AVerifierByItselfTakesItsFallbackHoweverItIsSpelt) {
    start("algorithm: ES256");
    const auto user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    const auto certificate = certify(*user.publicKey());
    ASSERT_EQ(certificate.status, "200") << certificate.body;
    std::ofstream(dir_ / "support.json") << ask(static_, "GET", "/.well-known/browserid").body;
    child_.reset();
    std::ofstream(dir_ / "host.yaml")
        << "process: test\nstate_dir: " << dir_ / "state"
        << "\nlisteners:\n"
        << listener("verifier", verifier_)
        << "services:\n  - id: verifier\n    module: verifier.so\n    config: {fallback_domain: "
           "LOGIN.Example, extension_algorithms: [ES256], discovery_overrides: {login.example: "
        << dir_ / "support.json"
        << ", mail.example: \"http://127.0.0.1:" << freePort() << "/none\"}}\n";
    startHost();
    const auto said = verify(certificate.body + "~" + assertionOf(user));
    EXPECT_NE(said.find("\"status\":\"okay\""), std::string::npos) << said << log();
}

void KeysignerProcess::rotatesUnderLoad(const std::string& options) {
    // Locked down as in config/split/keysigner.yaml: making a key must work there too.
    start("algorithm: ES256, rotation_lead: 3s" + options, "lockdown: true\n");
    const auto early_user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    const auto early = certify(*early_user.publicKey());
    ASSERT_EQ(early.status, "200") << early.body;
    ASSERT_NE(verify(early.body + "~" + assertionOf(early_user)).find("okay"), std::string::npos);

    constexpr int kClients = 32;
    std::atomic<bool> stop{false};
    std::array<std::atomic<int>, kClients> rounds{};
    std::mutex mutex;
    std::vector<std::string> failures;
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i)
        clients.emplace_back([&, i] {
            const auto user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
            while (!stop) {
                const auto certificate = certify(*user.publicKey());
                const auto said = certificate.status == "200"
                                      ? verify(certificate.body + "~" + assertionOf(user))
                                      : certificate.head + certificate.body;
                if (said.find("\"status\":\"okay\"") == std::string::npos) {
                    const std::lock_guard lock(mutex);
                    failures.push_back(said);
                    return;
                }
                ++rounds[static_cast<std::size_t>(i)];
                std::this_thread::sleep_for(10ms);  // the machine is not ours alone
            }
        });
    const auto everyClientDoes = [&](int more) {
        std::array<int, kClients> goal{};
        for (std::size_t i = 0; i < kClients; ++i) goal[i] = rounds[i] + more;
        await(
            [&] {
                const std::lock_guard lock(mutex);
                if (!failures.empty()) return true;
                for (std::size_t i = 0; i < kClients; ++i)
                    if (rounds[i] < goal[i]) return false;
                return true;
            },
            "the clients stand still");
    };
    const auto published = [&](const char* what) {
        await([&] { return ask(signer_, "GET", "/__keys__").body.find(what) != std::string::npos; },
              what);
    };
    everyClientDoes(2);
    const auto before = Json::parse(ask(signer_, "GET", "/__keys__").body);
    ASSERT_TRUE(before.has_value());
    std::ofstream request(dir_ / "domain.pem.rotate");
    request.close();
    published("\"next\"");
    everyClientDoes(2);
    published("\"previous\"");
    everyClientDoes(3);
    stop = true;
    for (auto& c : clients) c.join();
    EXPECT_EQ(failures.size(), 0u) << (failures.empty() ? "" : failures.front()) << log();

    const auto after = Json::parse(ask(signer_, "GET", "/__keys__").body);
    ASSERT_TRUE(after.has_value());
    EXPECT_FALSE(*before->find("public-key") == *after->find("public-key"));
    EXPECT_TRUE(after->find("keys")->items().at(0).find("public-key")->dump() ==
                before->find("public-key")->dump());
    // The certificate of before the rotation is good to the end of its own life.
    EXPECT_NE(verify(early.body + "~" + assertionOf(early_user)).find("okay"), std::string::npos);
    await(
        [&] {
            const auto page = Json::parse(ask(static_, "GET", "/.well-known/browserid").body);
            return page && page->find("keys") != nullptr &&
                   *page->find("public-key") == *after->find("public-key") &&
                   page->find("keys")->items().at(0).findText("kty") != nullptr;
        },
        "the support document does not follow");
    child_->signal(SIGTERM);
    EXPECT_EQ(child_->wait(20s), 0) << log();
}

TEST_F(KeysignerProcess, RotatesWhileThirtyTwoClientsCertifyAndVerify) {
    rotatesUnderLoad("");
    EXPECT_EQ(log().find(readText(dir_ / "domain.pem").substr(30, 40)), std::string::npos);
}

TEST_F(KeysignerProcess, RotatesInATokenWhileThirtyTwoClientsCertifyAndVerify) {
    rotatesUnderLoad(", " + token());
    EXPECT_EQ(log().find("5823-secret"), std::string::npos);
}

TEST_F(KeysignerProcess, ATokenThatIsGoneIsUnhealthyUntilTheNextStart) {
    const auto options = "algorithm: ES256, " + token();
    start(options);
    const auto user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    const auto health = [&](const char* depth) {
        return ask(signer_, "GET", std::string("/__heartbeat__") + depth).status;
    };
    EXPECT_EQ(certify(*user.publicKey()).status, "200");
    EXPECT_EQ(health(""), "200");
    std::filesystem::rename(dir_ / "tokens", dir_ / "away");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(certify(*user.publicKey()).status, "500");
    EXPECT_EQ(health(""), "500");
    EXPECT_EQ(health("?deep"), "500");
    await([&] { return log().find("restart keysigner") != std::string::npos; }, "no remedy");
    std::filesystem::rename(dir_ / "away", dir_ / "tokens");
    child_->signal(SIGTERM);
    EXPECT_EQ(child_->wait(20s), 0) << log();
    start(options);
    EXPECT_EQ(certify(*user.publicKey()).status, "200");
    EXPECT_EQ(health(""), "200");
}

TEST_F(KeysignerProcess, LockDownHoldsForEveryThread) {
    start("algorithm: ES256", "lockdown: true\n");
    const auto tasks = "/proc/" + std::to_string(child_->pid()) + "/task";
    std::size_t threads = 0;
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
        const auto status = readText(task.path() / "status");
        EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos) << task.path();
        EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << task.path();
        ++threads;
    }
    EXPECT_GT(threads, 3u);
    const auto user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    EXPECT_EQ(certify(*user.publicKey()).status, "200");
    child_->signal(SIGHUP);
    await([&] { return log().find("reload") != std::string::npos; }, "no reload");
    EXPECT_EQ(certify(*user.publicKey()).status, "200");
}

TEST_F(KeysignerProcess, AFullQueueAnswers503AtOnce) {
    start("algorithm: RS256", "", "{threads: 1, queue: 1, deadline: 10s}");
    const auto user = *protocol::SecretKey::generate(protocol::Algorithm::ES256);
    std::atomic<int> good{0}, busy{0}, other{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 24; ++i)
        clients.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                const auto a = certify(*user.publicKey());
                const bool retry = a.head.find("Retry-After: ") != std::string::npos;
                ++(a.status == "200" ? good : a.status == "503" && retry ? busy : other);
            }
        });
    // The loop answers meanwhile: signing is not done there.
    for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(signer_, "GET", "/__keys__").status, "200");
    for (auto& c : clients) c.join();
    EXPECT_GT(good, 0);
    EXPECT_GT(busy, 0);
    EXPECT_EQ(other, 0);
}

}  // namespace
}  // namespace persona::keysigner
