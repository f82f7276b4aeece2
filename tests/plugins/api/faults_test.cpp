#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/plugins/api/api_fixture.h"

/// Databases that fail under the service, seen over HTTP: 503 within the deadline, nothing hangs,
/// no thread is lost, and everything goes on by itself.
namespace persona::api {
namespace {

const std::string kDown = "503 Service Unavailable: database unavailable";

/// A session from before the trouble, and what it asks for.
class Faults {
  public:
    explicit Faults(Service& service) : service_(service), owner_(service.port("router")) {
        EXPECT_EQ(owner_
                      .post("stage_user", R"({"email":")" + email_ +
                                              R"(","pass":"password1","site":"https://s.example"})")
                      .text(),
                  kOk);
        EXPECT_EQ(
            owner_.post("complete_user_creation", R"({"token":")" + service.token(email_) + "\"}")
                .text(),
            kOk);
        token_ = *owner_.context().findText("csrf_token");
    }

    /// Sixteen at once, more than any executor has threads. A request that hangs has status 0 when
    /// the client gives up.
    void expectDown() {
        std::atomic<int> down{0};
        std::vector<std::jthread> threads;
        for (int i = 0; i < 16; ++i)
            threads.emplace_back([&, i] {
                const auto text = ask(i);
                if (text == kDown)
                    ++down;
                else
                    ADD_FAILURE() << "call " << i % 6 << ": " << text;
            });
        threads.clear();
        EXPECT_EQ(down, 16);
        Browser stranger(service_.port("router"));
        EXPECT_EQ(stranger.get("/wsapi/session_context").status, 200u) << "needs no database";
        EXPECT_EQ(stranger.get("/wsapi/ping").text(), "500 fail");
    }

    /// By itself. The first calls may meet a connection that broke, or a pause before a new try.
    void expectUp() {
        Browser b(service_.port("router"));
        for (int i = 0; i < 600 && b.get("/wsapi/ping").status != 200; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        for (int i = 0; i < 200 && staging(b).status == 503; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        // All threads of all executors are there: sixteen calls of each kind at once.
        std::atomic<int> up{0};
        std::vector<std::jthread> threads;
        for (int i = 0; i < 16; ++i)
            threads.emplace_back([&, i] {
                const auto text = ask(i);
                if (text.starts_with("200 "))
                    ++up;
                else
                    ADD_FAILURE() << "call " << i % 6 << ": " << text;
            });
        threads.clear();
        EXPECT_EQ(up, 16);
        EXPECT_EQ(b.get("/wsapi/ping").text(), "200 ok");
        for (const auto* role : {"browserid", "dbwriter"})
            EXPECT_EQ(Browser(service_.port(role)).get("/__heartbeat__").text(), "200 ok") << role;
    }

  private:
    Response staging(Browser& b) {
        static std::atomic<int> next{0};
        return b.post("stage_user", R"({"email":"new)" + std::to_string(++next) +
                                        R"(@mail.example","pass":"password1","site":"https://)"
                                        R"(s.example"})");
    }
    std::string ask(int i) {
        Browser b(service_.port("router"));
        switch (i % 6) {
            case 0:
                return b.get("/wsapi/address_info?email=" + email_).text();
            case 1:
                return staging(b).text();
            case 2:
                return b
                    .post("authenticate_user",
                          R"({"email":")" + email_ + R"(","pass":"password1","ephemeral":false})")
                    .text();
            case 3:
                b.cookies = owner_.cookies;
                return b.get("/wsapi/list_emails").text();
            case 4:
                b.cookies = owner_.cookies;
                return b
                    .send("POST", "/wsapi/prolong_session", R"({"csrf":")" + token_ + "\"}",
                          {{"Content-Type", "application/json"}})
                    .text();
            default:
                return b.post("stage_unblock", R"({"email":")" + email_ + "\"}").text();
        }
    }
    Service& service_;
    Browser owner_;
    const std::string email_ = "owner@mail.example";
    std::string token_;
};

class ServerFaults : public ::testing::TestWithParam<Shape> {
  protected:
    ServerFaults() {
        ServiceOptions o;
        o.shape = GetParam();
        o.database = Database::Mysql;
        o.mysql_user = "persona_rw";
        o.database_more = ", max_query_time: 1500ms";
        o.common = {"max_authentication_attempts: 100000"};
        service_ = startService(std::move(o), &server_);
        faults_ = std::make_unique<Faults>(*service_);
    }
    accounts::MariaDbServer server_;
    std::unique_ptr<Service> service_;
    std::unique_ptr<Faults> faults_;
};

TEST_P(ServerFaults, StoppedAndStartedAgain) {
    server_.stop();
    faults_->expectDown();
    EXPECT_TRUE(service_->logHas("database is down, cannot process request: the database "));
    server_.start();
    faults_->expectUp();
}

TEST_P(ServerFaults, Paused) {
    server_.pause();
    faults_->expectDown();  // on connections that were open
    faults_->expectDown();  // and on new ones
    server_.resume();
    faults_->expectUp();
}

TEST_P(ServerFaults, KilledAndRestartedBetweenCalls) {
    for (int i = 0; i < 2; ++i) {
        server_.kill();
        server_.start();
        faults_->expectUp();
    }
}

TEST_P(ServerFaults, Slow) {
    // Another session holds the tables: statements wait in the server, for longer than we do.
    std::jthread holder([&] {
        (void)server_.sql("USE " + service_->databaseName() +
                          "; LOCK TABLES account WRITE, address WRITE, staged WRITE, mail_budget "
                          "WRITE, schema_version WRITE; SELECT SLEEP(12)");
    });
    bool held = false;
    for (int i = 0; i < 1'000 && !held; ++i) {
        held = server_.sql(
                   "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE "
                   "'SELECT SLEEP%'") == "1\n";
        if (!held) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(held);
    faults_->expectDown();
    holder.join();
    faults_->expectUp();
}

TEST_P(ServerFaults, Refusing) {
    const auto both = [&](const std::string& how) {
        for (const auto* user : {"persona_rw", "persona_ro"})
            (void)server_.sql(std::string("ALTER USER '") + user + "'@'%' " + how);
    };
    both("IDENTIFIED BY 'another'");
    (void)server_.sql("KILL USER persona_rw; KILL USER persona_ro");
    faults_->expectDown();
    EXPECT_TRUE(service_->logHas("Access denied for user"));
    EXPECT_EQ(service_->log().find("owner@mail.example"), std::string::npos);
    both("IDENTIFIED BY ''");
    faults_->expectUp();
}

INSTANTIATE_TEST_SUITE_P(Over, ServerFaults, ::testing::Values(Shape::OneProcess, Shape::Split),
                         [](const auto& shape) {
                             return std::string(shape.param == Shape::Split ? "SplitMariaDb"
                                                                            : "OneProcessMariaDb");
                         });

class FullDisk : public ::testing::TestWithParam<Shape> {};

TEST_P(FullDisk, IsAClearErrorAndCorruptsNothing) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a small file system takes root";
    std::string mount = "/tmp/persona-full-XXXXXX";
    ASSERT_NE(::mkdtemp(mount.data()), nullptr);
    ASSERT_EQ(::mount("tmpfs", mount.c_str(), "tmpfs", 0, "size=2m"), 0);
    {
        ServiceOptions o;
        o.shape = GetParam();
        o.common = {"database: {driver: sqlite, file: " + mount + "/persona.db}"};
        const auto service = startService(std::move(o), nullptr);
        const Faults before(*service);
        // All that is left, to the last octet.
        std::ofstream ballast(mount + "/ballast");
        const std::string piece(4'096, 'b');
        while (ballast.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
        }
        ballast.close();
        Browser b(service->port("router"));
        Response refused;
        for (int i = 0; i < 500 && refused.status != 503; ++i)
            refused = b.post("stage_user", R"({"email":"n)" + std::to_string(i) +
                                               R"(@mail.example","pass":"password1","site":)"
                                               R"("https://s.example"})");
        EXPECT_EQ(refused.text(), kDown);
        EXPECT_TRUE(service->logHas("free space on the database's file system"))
            << "what is wrong, and what to do";
        // What needs no write goes on.
        EXPECT_EQ(b.get("/wsapi/have_email?email=owner@mail.example").text(),
                  R"(200 {"email_known":true})");
        std::filesystem::remove(mount + "/ballast");
        EXPECT_EQ(b.post("stage_user", R"({"email":"after@mail.example","pass":"password1",)"
                                       R"("site":"https://s.example"})")
                      .text(),
                  kOk);
        EXPECT_EQ(b.post("complete_user_creation",
                         R"({"token":")" + service->token("after@mail.example") + "\"}")
                      .text(),
                  kOk);
        const auto checked = service->operate("dbwriter", {"db", "check"});
        EXPECT_EQ(checked.out, "the database is sound\n") << checked.err;
    }
    EXPECT_EQ(::umount(mount.c_str()), 0);
    ::rmdir(mount.c_str());
}

INSTANTIATE_TEST_SUITE_P(Over, FullDisk, ::testing::Values(Shape::OneProcess, Shape::Split),
                         [](const auto& shape) {
                             return std::string(shape.param == Shape::Split ? "SplitSqlite"
                                                                            : "OneProcessSqlite");
                         });

}  // namespace
}  // namespace persona::api
