#pragma once

#include <map>
#include <string>

#include "bench/abuse/src/server.h"
#include "bench/abuse/src/stub_cookies.h"
#include "bench/abuse/src/stub_pool.h"
#include "bench/abuse/src/world.h"

namespace persona::abuse {

struct StubSettings {
    std::uint32_t accounts = 30'000;
    std::size_t api_cores = 1, hash_cores = 1;
    Micros hash_us = 168'000;
    Micros longest_wait_us = 10'000'000;
    std::uint32_t mail_interval_s = 60;  ///< the API's own throttle per address
    std::string secret_file;
};

/// What the roles behind the router cost and answer, without the roles: the same behind every
/// target. It knows nothing of labels; whoever asks out of band adds them up.
class Stub {
  public:
    Stub(Loop& loop, const StubSettings& settings);
    void serve(const std::shared_ptr<Exchange>& place, const Message& request);
    /// GET /counters; /routes: name and whole cost of each;
    /// /cookies?account=N&signed=0|1&device=0|1: `name=value` lines.
    void control(const std::shared_ptr<Exchange>& place, const Message& request);

  private:
    struct Answer {
        int status = 200;
        std::string body = R"({"success":true})", fields{};
        Outcome outcome = Outcome::None;
        Micros work = 0, hash = 0, outbound = 0;
        const char* type = "application/json; charset=utf-8";
    };
    struct Asked {
        const RouteInfo& route;
        const Message& request;
        std::string_view query;
        std::string_view cookie;
    };
    Answer act(const Asked& asked);
    Answer context(const Asked& asked);
    Answer lookup(const Asked& asked);
    Answer logIn(const Asked& asked, const Cookies::Session& session);
    Answer stage(const Asked& asked, const std::string& email);
    Answer complete(const Asked& asked, Cookies::Session session);
    Answer verify(const Asked& asked);
    void discover(std::string_view host, Answer& answer);
    [[nodiscard]] bool known(std::string_view email) const {
        return accountOf(email) < settings_.accounts;
    }
    [[nodiscard]] std::string counters() const;
    [[nodiscard]] std::string routes() const;

    struct Mailbox {
        Micros last = -1;
        std::vector<Micros> sent;
        bool staged = false;
    };
    Loop& loop_;
    StubSettings settings_;
    Cookies cookies_;
    Pool api_, hashes_, outbound_;
    std::map<std::string, Mailbox, std::less<>> mailboxes_;
    std::map<std::string, std::string, std::less<>> tokens_;  ///< token to address
    std::map<std::uint32_t, std::uint32_t> failures_;         ///< in a row, by account
    std::uint64_t requests_ = 0, busy_ = 0, mails_ = 0, logins_ = 0, lockouts_ = 0, fetches_ = 0,
                  private_fetches_ = 0;
};

}  // namespace persona::abuse
