// The process dies by SIGKILL at every statement of every write operation.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "tests/libs/accounts/mariadb_server.h"
#include "tests/libs/accounts/store_fixture.h"

namespace persona::accounts {
namespace {

constexpr StageLimits kFree{0, 0, 48 * kHour};
constexpr int kAcknowledged = 0, kRefused = 1;

/// What an operation needs, made before it.
struct Scene {
    UserId user = 0, other = 0;
    std::string token, not_me;
};

struct Operation {
    const char* name;
    std::function<void(Writer&, Scene&)> prepare;  ///< beyond two accounts
    std::function<bool(Writer&, const Scene&)> act;
};

Address a() {
    return at("a@x.example");
}
Address fresh() {
    return at("fresh@x.example");
}

void take(Scene& scene, const Outcome<StagedTokens>& tokens) {
    scene.token = tokens->token;
    scene.not_me = tokens->not_me;
}

const std::vector<Operation>& operations() {
    const auto nothing = [](Writer&, Scene&) {};
    const auto staged_new = [](Writer& w, Scene& s) {
        take(s, w.stageNewAccount(a(), "new", "s", kFree, kNow));  // moves a@ when completed
    };
    const auto staged_email = [](Writer& w, Scene& s) {
        take(s, w.stageEmail(s.user, at("b@x.example"), {}, "s", kFree, kNow));  // from `other`
    };
    const auto staged_reset = [](Writer& w, Scene& s) {
        take(s, w.stageReset(a(), "s", kFree, kNow));
    };
    static const std::vector<Operation> all{
        {"stageNewAccount", staged_new,
         [](Writer& w, const Scene&) {
             return w.stageNewAccount(a(), "h", "s", kFree, kNow + 1).ok();
         }},
        {"stageUnverified", nothing,
         [](Writer& w, const Scene&) {
             return w.stageUnverified(fresh(), "h", "s", kFree, kNow).ok();
         }},
        {"stageEmail", nothing,
         [](Writer& w, const Scene& s) {
             return w.stageEmail(s.user, fresh(), {}, "s", kFree, kNow).ok();
         }},
        {"stageReverify",
         [](Writer& w, Scene& s) {
             // Of two secondaries the one that is not reset is unverified afterwards.
             take(s, w.stageEmail(s.user, fresh(), {}, "s", kFree, kNow));
             (void)w.completeEmail(s.token, ShownBy::Password, kNow);
             take(s, w.stageReset(a(), "s", kFree, kNow));
             (void)w.completeReset(s.token, "new", kNow);
         },
         [](Writer& w, const Scene& s) {
             return w.stageReverify(s.user, fresh(), "s", kFree, kNow + 1).ok();
         }},
        {"stageReset", nothing,
         [](Writer& w, const Scene&) { return w.stageReset(a(), "s", kFree, kNow).ok(); }},
        {"stageTransition", nothing,
         [](Writer& w, const Scene&) {
             return w.stageTransition(a(), "h", "s", kFree, kNow).ok();
         }},
        {"reserveStagedAttempt", staged_new,
         [](Writer& w, const Scene& s) { return w.reserveStagedAttempt(s.token, 3, kNow).ok(); }},
        {"completeNewAccount", staged_new,
         [](Writer& w, const Scene& s) { return w.completeNewAccount(s.token, kNow).ok(); }},
        {"completeEmail", staged_email,
         [](Writer& w, const Scene& s) {
             return w.completeEmail(s.token, ShownBy::Password, kNow).ok();
         }},
        {"completeReset", staged_reset,
         [](Writer& w, const Scene& s) { return w.completeReset(s.token, "new", kNow).ok(); }},
        {"reserveLoginAttempt", nothing,
         [](Writer& w, const Scene& s) {
             return w.reserveLoginAttempt(s.user, {}, {}, kNow).ok();
         }},
        {"loginSucceeded", nothing,
         [](Writer& w, const Scene& s) {
             LoginAttempt attempt;
             attempt.user.id = s.user;
             attempt.user.password_hash = "hash";
             return w.loginSucceeded(attempt, {"rehash"}, kNow).ok();
         }},
        {"updatePassword", nothing,
         [](Writer& w, const Scene& s) {
             return w.updatePassword(s.user, "hash", "new", true, kNow).ok();
         }},
        {"createUserWithPrimaryEmail", nothing,
         [](Writer& w, const Scene&) { return w.createUserWithPrimaryEmail(fresh(), kNow).ok(); }},
        {"addPrimaryEmail", nothing,
         [](Writer& w, const Scene& s) {
             return w.addPrimaryEmail(s.user, at("b@x.example"), kNow).ok();
         }},
        {"setUsedAs", nothing,
         [](Writer& w, const Scene& s) {
             return w.setUsedAs(s.user, a(), AddressType::Primary).ok();
         }},
        {"removeEmail", nothing,
         [](Writer& w, const Scene& s) { return w.removeEmail(s.user, a(), kNow).ok(); }},
        {"cancelAccount", staged_email,
         [](Writer& w, const Scene& s) { return w.cancelAccount(s.user).ok(); }},
        {"revokeSessions", nothing,
         [](Writer& w, const Scene& s) { return w.revokeSessions(s.user).ok(); }},
        {"unlock", [](Writer& w, Scene& s) { (void)w.reserveLoginAttempt(s.user, "d", {}, kNow); },
         [](Writer& w, const Scene& s) { return w.unlock(s.user).ok(); }},
        {"stageUnblock", nothing,
         [](Writer& w, const Scene&) { return w.stageUnblock(a(), kFree, kNow).ok(); }},
        {"completeUnblock",
         [](Writer& w, Scene& s) {
             (void)w.reserveLoginAttempt(s.user, {}, {}, kNow);
             s.token = (*w.stageUnblock(a(), kFree, kNow))->token;
         },
         [](Writer& w, const Scene& s) { return w.completeUnblock(s.token, kNow).ok(); }},
        {"makeNotMe", nothing,
         [](Writer& w, const Scene& s) { return w.makeNotMe(s.user, a(), kDay, kNow).ok(); }},
        {"reportNotMe",
         [](Writer& w, Scene& s) {
             take(s, w.stageReset(a(), "s", kFree, kNow));
             (void)w.completeReset(s.token, "new", kNow);
         },
         [](Writer& w, const Scene& s) { return w.reportNotMe(s.not_me, kNow).ok(); }},
        {"sawIdp", nothing,
         [](Writer& w, const Scene&) { return w.sawIdp("idp.example", kNow).ok(); }},
        {"forgetIdp", [](Writer& w, Scene&) { (void)w.sawIdp("idp.example", kNow); },
         [](Writer& w, const Scene&) { return w.forgetIdp("idp.example").ok(); }},
        {"importAccount", nothing,
         [](Writer& w, const Scene&) {
             ImportedAccount account;
             account.password_hash = "imported";
             account.addresses.push_back({fresh(), AddressType::Secondary, true});
             account.addresses.push_back({at("second@x.example"), AddressType::Primary, false});
             return w.importAccount(account, kNow).ok();
         }},
        {"purge", staged_new,
         [](Writer& w, const Scene&) { return w.purge(kNow + kDay * 9).ok(); }},
    };
    return all;
}

/// How a child that acts on the database ended: its exit code, or -1 when it was killed.
int actInChild(StoreOptions options, const Operation& operation, const Scene& scene, int kill_at) {
    const pid_t child = ::fork();
    if (child == 0) {
        int left = -1;
        options.before_statement = [&left](std::string_view) {
            if (left > 0 && --left == 0) ::kill(::getpid(), SIGKILL);
        };
        const auto store = Store::open(options);
        if (!store) ::_exit(2);
        left = kill_at;
        const bool ok = operation.act(*(*store)->writer(), scene);
        // No farewell: what was acknowledged must need none.
        ::_exit(ok ? kAcknowledged : kRefused);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Kill : public StoreTest {
  protected:
    std::string dump() {
        std::string out;
        for (const char* table : {"account", "address", "staged", "used_token", "notice",
                                  "mail_budget", "device", "idp"})
            for (const auto& row : look(std::string("SELECT * FROM ") + table + " ORDER BY 1")) {
                out += table;
                for (std::size_t i = 0; i < row.size(); ++i) out += "|" + row.shown(i);
                out += "\n";
            }
        return out;
    }
    /// MariaDB finds out that a client died when it reads from it; until then its locks stay. Its
    /// list of transactions is made anew only when nobody looked at it for a tenth of a second.
    void awaitServer() {
        if (!mysql()) return;
        for (int i = 0; i < 100; ++i) {
            if (MariaDbServer::shared().sql("SELECT COUNT(*) FROM information_schema.innodb_trx") ==
                "0\n")
                return;
            std::this_thread::sleep_for(std::chrono::milliseconds(150));
        }
        FAIL() << "a dead client's transaction stays open";
    }
};

TEST_P(Kill, AtAnyStatementNothingIsHalfDoneAndWhatWasAcknowledgedIsThere) {
    int killed = 0;
    for (const auto& operation : operations()) {
        SCOPED_TRACE(operation.name);
        Scene scene;
        reset();
        scene.user = accountWith("a@x.example");
        scene.other = accountWith("b@x.example");
        operation.prepare(writer(), scene);
        closeStore();
        const auto before = dump();
        for (int at_statement = 1;; ++at_statement) {
            ASSERT_LT(at_statement, 60);
            closeLook();
            const int end = actInChild(options(), operation, scene, at_statement);
            awaitServer();
            ASSERT_EQ(brokenInvariant(), "") << "killed at statement " << at_statement;
            if (end == kAcknowledged) {
                EXPECT_NE(dump(), before) << "acknowledged and not there";
                EXPECT_GT(at_statement, 3) << "no statement was reached";
                break;
            }
            ASSERT_EQ(end, -1);
            ++killed;
            // Every statement, the COMMIT included, was still to be sent: all is as it was, and the
            // next round does the same operation on what this one left.
            ASSERT_EQ(dump(), before) << "killed at statement " << at_statement;
        }
    }
    std::printf("killed %d times in %zu operations\n", killed, operations().size());
}

/// The table above is held against the class that it is about.
TEST_P(Kill, TheTableHasEveryOperationOfTheWriter) {
    std::ifstream in(PERSONA_SOURCE_DIR "/libs/accounts/writer.h");
    std::stringstream text;
    text << in.rdbuf();
    const auto header = text.str();
    const std::regex declaration(R"(\[\[nodiscard\]\]\s+Outcome<[^;()]*>\s+(\w+)\()");
    std::set<std::string> declared, killed;
    for (std::sregex_iterator i(header.begin(), header.end(), declaration), end; i != end; ++i)
        declared.insert((*i)[1]);
    for (const auto& operation : operations()) killed.insert(operation.name);
    EXPECT_GT(declared.size(), 25U);
    EXPECT_EQ(declared, killed);
}

PERSONA_ON_BOTH_ENGINES(Kill);

}  // namespace
}  // namespace persona::accounts
