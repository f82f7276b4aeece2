#include "tests/plugins/api/api_fixture.h"

#include <map>

#include "tests/plugins/api/ledger.h"
#include "tests/support/child.h"

namespace persona::api {

namespace {

std::unique_ptr<Service> make(const Param& param, ServiceOptions options) {
    std::tie(options.shape, options.database) = param;
    const bool mysql = options.database == Database::Mysql;
    return startService(std::move(options), mysql ? &accounts::MariaDbServer::shared() : nullptr);
}

std::map<Param, std::unique_ptr<Service>>& all() {
    static std::map<Param, std::unique_ptr<Service>> services;
    return services;
}

class Cleanup final : public ::testing::Environment {
    void TearDown() override {
        all().clear();
        Ledger::shared().judge();
    }
};
const auto* const kCleanup = ::testing::AddGlobalTestEnvironment(new Cleanup);

}  // namespace

std::string nameOf(const Param& param) {
    return std::string(std::get<0>(param) == Shape::OneProcess ? "OneProcess" : "Split") +
           (std::get<1>(param) == Database::Sqlite ? "Sqlite" : "MariaDb");
}

std::unique_ptr<Service> startService(ServiceOptions options,
                                      const accounts::MariaDbServer* server) {
    if (server != nullptr) options.mysql_port = server->port();
    const auto users = std::pair(options.mysql_user, options.mysql_reader);
    auto s = std::make_unique<Service>(std::move(options));
    if (server != nullptr) {
        const auto name = s->databaseName();
        std::string sql = "CREATE DATABASE " + name + ";";
        for (const auto& [user, right] :
             {std::pair(users.first, "ALL"), std::pair(users.second, "SELECT")})
            if (user != "root")
                sql += "CREATE USER IF NOT EXISTS '" + user + "'@'%'; GRANT " + right + " ON " +
                       name + ".* TO '" + user + "'@'%';";
        (void)server->sql(sql);
    }
    Ledger::shared().noteRouter(s->port("router"));
    s->start();
    return s;
}

void Api::SetUp() {
    Ledger::shared().begin(GetParam());
}

Service& Api::service() {
    if (own_) return *own_;
    auto& shared = all()[GetParam()];
    if (!shared) {
        ServiceOptions options;
        options.common = ProviderServer::shared().configuration();
        options.common.emplace_back("allow_unverified: true");
        shared = make(GetParam(), std::move(options));
    }
    return *shared;
}

void Api::startWith(ServiceOptions options) {
    own_ = make(GetParam(), std::move(options));
}

void Api::start(std::vector<std::string> common, const std::string& passwords,
                const std::string& database_more) {
    ServiceOptions options;
    options.common = std::move(common);
    options.database_more = database_more;
    if (!passwords.empty()) options.executors_passwords = passwords;
    startWith(std::move(options));
}

std::string Api::sql(const std::string& text) {
    if (std::get<1>(GetParam()) == Database::Mysql)
        return accounts::MariaDbServer::shared().sql("USE " + service().databaseName() + "; " +
                                                     text);
    const auto done = testing::Child::run(
        {{"sqlite3", "-cmd", ".timeout 10000", service().database(), text}, "", {}},
        std::chrono::seconds(30));
    EXPECT_EQ(done.code, 0) << text;
    return done.out;
}

std::string Api::fresh(const std::string& local, const std::string& domain) {
    static int next = 0;
    return local + std::to_string(++next) + "@" + domain;
}

Response Api::stage(Browser& b, const std::string& email, const std::string& pass,
                    const std::string& more) {
    return b.post("stage_user", R"({"email":")" + email + R"(","pass":")" + pass +
                                    R"(","site":"https://site.example")" +
                                    (more.empty() ? "" : "," + more) + "}");
}

void Api::signUp(Browser& b, const std::string& email, const std::string& pass) {
    const auto before = service().tokens(email).size();
    EXPECT_EQ(stage(b, email, pass).text(), kOk);
    EXPECT_EQ(tokenCall(b, "complete_user_creation", token(email, before + 1)).text(), kOk);
}

Response Api::signIn(Browser& b, const std::string& email, const std::string& pass,
                     bool ephemeral) {
    return b.post("authenticate_user", R"({"email":")" + email + R"(","pass":")" + pass +
                                           R"(","ephemeral":)" + (ephemeral ? "true" : "false") +
                                           "}");
}

Response Api::tokenCall(Browser& b, const std::string& call, const std::string& token,
                        const std::string& pass) {
    return b.post(call, R"({"token":")" + token + "\"" +
                            (pass.empty() ? "" : R"(,"pass":")" + pass + "\"") + "}");
}

std::string Api::addressInfo(Browser& b, const std::string& email) {
    const auto json = b.get("/wsapi/address_info?email=" + email).json();
    const auto* state = json ? json->findText("state") : nullptr;
    return state == nullptr ? "no state" : *state;
}

std::string Api::status(Browser& b, const std::string& call, const std::string& email) {
    const auto r = b.get("/wsapi/" + call + "?email=" + email);
    const auto json = r.json();
    const auto* text = json ? json->findText("status") : nullptr;
    return text == nullptr ? r.text() : *text;
}

std::string Api::certificateRequest(const std::string& email, const std::string& more) {
    const auto key = protocol::SecretKey::generate(protocol::Algorithm::ES256);
    EXPECT_TRUE(key);
    Json o = Json::object();
    o.add("email", email).add("pubkey", key->publicKey()->canonical()).add("ephemeral", false);
    auto text = o.dump();
    if (!more.empty()) text.insert(text.size() - 1, "," + more);
    return text;
}

std::string reasonOf(const Response& r) {
    const auto json = r.json();
    const auto* reason = json ? json->findText("reason") : nullptr;
    return reason == nullptr ? r.text() : *reason;
}

}  // namespace persona::api
