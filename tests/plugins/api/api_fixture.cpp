#include "tests/plugins/api/api_fixture.h"

#include <map>

namespace persona::api {

namespace {

std::unique_ptr<Service> make(const Param& param, std::vector<std::string> common,
                              const std::string& passwords, const std::string& database_more = "") {
    ServiceOptions o;
    std::tie(o.shape, o.database) = param;
    o.database_more = database_more;
    o.common = std::move(common);
    if (!passwords.empty()) o.executors_passwords = passwords;
    const bool mysql = o.database == Database::Mysql;
    return startService(std::move(o), mysql ? &accounts::MariaDbServer::shared() : nullptr);
}

std::map<Param, std::unique_ptr<Service>>& all() {
    static std::map<Param, std::unique_ptr<Service>> services;
    return services;
}

class Cleanup final : public ::testing::Environment {
    void TearDown() override { all().clear(); }
};
const auto* const kCleanup = ::testing::AddGlobalTestEnvironment(new Cleanup);

}  // namespace

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
    s->start();
    return s;
}

Service& Api::service() {
    if (own_) return *own_;
    auto& shared = all()[GetParam()];
    if (!shared) shared = make(GetParam(), ProviderServer::shared().configuration(), "");
    return *shared;
}

void Api::start(std::vector<std::string> common, const std::string& passwords,
                const std::string& database_more) {
    own_ = make(GetParam(), std::move(common), passwords, database_more);
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
