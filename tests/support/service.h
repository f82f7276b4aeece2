#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libs/protocol/json.h"

/// The real program with the roles that ship, for tests over HTTP: in one process, or one process
/// for each role. Everything is in a folder of its own and on free ports; what was started is
/// ended.
namespace persona::testing {

enum class Shape { OneProcess, Split };
enum class Database { Sqlite, Mysql };

struct ServiceOptions {
    Shape shape = Shape::OneProcess;
    Database database = Database::Sqlite;
    /// More lines of YAML under `common:`, such as "legacy_reasons: true". A later line of the same
    /// name wins over the fixture's own.
    std::vector<std::string> common;
    /// More lines of YAML beside `common:`, of all processes, such as "statsd: {enabled: true}".
    std::vector<std::string> top;
    std::string database_more;    ///< of the database's options, such as ", migrate: false"
    std::string domain_key_more;  ///< of keysigner's own options, such as ", algorithm: ES256"
    /// Where a role is asked instead of where it is, by its name: "http://127.0.0.1:1" is nowhere.
    std::map<std::string, std::string> upstreams;
    /// Blocks under `heuristics:` of the router's process, with the filter that asks them; $DIR
    /// stands for dir(). Empty: the filter is not there.
    std::vector<std::string> heuristics;
    std::string executors_passwords = "{threads: 2, queue: 64, deadline: 10s}";
    /// Database::Mysql: port of a server on 127.0.0.1 whose root has no password.
    unsigned mysql_port = 0;
    std::string mysql_user = "root", mysql_reader = "persona_ro";  ///< of all roles; of browserid
};

struct Response;

class Service {
  public:
    explicit Service(ServiceOptions options = {});
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// Starts what does not run and waits until it answers; a failed assertion names the log.
    void start();
    /// One role of the split shape, or "local"; SIGKILL, or SIGTERM and its exit status.
    void kill(const std::string& process);
    int stop(const std::string& process);
    void signal(const std::string& process, int number) const;

    [[nodiscard]] std::string url() const {
        return "http://127.0.0.1:" + std::to_string(port("router"));
    }
    /// Port on which a role listens by itself: "router", "dbwriter", "browserid", "keysigner", ...
    [[nodiscard]] unsigned short port(const std::string& role) const { return ports_.at(role); }
    [[nodiscard]] const std::string& dir() const { return dir_; }
    [[nodiscard]] std::string cookieName() const;
    [[nodiscard]] std::string log() const;  ///< of all processes
    /// Whether a log has that text, or will within 10 s: lines are written behind the answers.
    [[nodiscard]] bool logHas(const std::string& text) const;
    [[nodiscard]] std::string database() const { return dir_ + "/persona.db"; }
    [[nodiscard]] std::string databaseName() const;
    /// `persona-host` with those words, for the control socket of the process of that role: exit
    /// code, and all that it printed.
    struct Said {
        int code = -1;
        std::string out, err;
    };
    [[nodiscard]] Said operate(const std::string& role,
                               const std::vector<std::string>& words) const;
    /// Counters and gauges of a role, by the names that it gave them.
    [[nodiscard]] std::map<std::string, std::int64_t> counters(const std::string& role) const;
    /// POST to a role by itself, with the credentials of another one.
    [[nodiscard]] Response callRole(const std::string& role, const std::string& call,
                                    const std::string& json) const;

    /// Mails so far to that address, oldest first, whole.
    [[nodiscard]] std::vector<std::string> mails(const std::string& to) const;
    /// Tokens of the links in those of them that have one; notices have none.
    [[nodiscard]] std::vector<std::string> tokens(const std::string& to) const;
    /// The newest of those, once there are `count`; waits at most 10 s.
    [[nodiscard]] std::string token(const std::string& to, std::size_t count = 1) const;

  private:
    void write(const std::string& process, const std::string& yaml) const;
    void writeConfiguration() const;
    [[nodiscard]] std::string databaseLine(bool writes) const;
    ServiceOptions options_;
    std::string dir_;
    std::map<std::string, unsigned short> ports_;
    std::map<std::string, pid_t> running_;
};

struct Response {
    unsigned status = 0;
    std::multimap<std::string, std::string> headers;  ///< names in lower case
    std::string body;
    [[nodiscard]] std::string header(const std::string& name) const;
    [[nodiscard]] std::optional<protocol::Json> json() const { return protocol::Json::parse(body); }
    /// "200 {...}": what most assertions compare.
    [[nodiscard]] std::string text() const { return std::to_string(status) + " " + body; }
};

/// A user agent: keeps cookies, knows its CSRF token.
class Browser {
  public:
    explicit Browser(unsigned short port) : port_(port) {}
    Response get(const std::string& target);
    /// POST /wsapi/<call> with the members of `json` and the CSRF token, which it asks for when it
    /// has none, and anew after each sign-in.
    Response post(const std::string& call, const std::string& json = "{}");
    /// As it is written here, nothing added but cookies.
    Response send(const std::string& method, const std::string& target,
                  const std::string& body = "",
                  std::vector<std::pair<std::string, std::string>> fields = {});
    protocol::Json context();
    std::map<std::string, std::string> cookies;
    std::vector<std::pair<std::string, std::string>> fields;  ///< sent with every request
    bool saw_cookie = false;                                  ///< the last answer set one

  private:
    unsigned short port_;
    std::string csrf_;
};

[[nodiscard]] unsigned short freePort();

/// All that comes back on one connection for these octets, until the server closes it or says
/// nothing for 30 s.
[[nodiscard]] std::string converse(unsigned short port, const std::string& request);

/// Hears of every answer to a Browser of this process, on the thread that asked.
using AnswerObserver =
    std::function<void(unsigned short port, const std::string& target, const Response& answer)>;
/// Before the first request; nothing is heard without one.
void observeAnswers(AnswerObserver observer);

}  // namespace persona::testing
