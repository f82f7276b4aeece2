// aafxa: a front that asks a set of Rules about each request before it passes it on.
#include <arpa/inet.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "bench/abuse/src/client.h"
#include "bench/abuse/src/rules.h"
#include "bench/abuse/src/server.h"
#include "bench/abuse/src/world.h"

namespace {

namespace abuse = persona::abuse;
volatile std::sig_atomic_t ended = 0;

std::string_view actionOf(const abuse::RouteInfo* route) {
    using enum abuse::Route;
    if (route == nullptr) return "other";
    switch (route->route) {
        case Authenticate:
            return "login";
        case HaveEmail:
        case AddressInfo:
            return "status";
        case StageUser:
            return "create";
        case StageReset:
            return "reset";
        case StageEmail:
        case StageUnblock:
            return "mail";
        case CompleteUserCreation:
        case CompleteReset:
        case CompleteConfirmation:
        case CompleteUnblock:
            return "complete";
        case UpdatePassword:
            return "password";
        case ListEmails:
        case CertKey:
            return "session";
        default:
            return "other";
    }
}

std::string queryEmail(std::string_view target) {
    const auto at = target.find("email=");
    if (at == std::string_view::npos) return {};
    std::string out(target.substr(at + 6, target.find('&', at) - at - 6));
    if (const auto sign = out.find("%40"); sign != std::string::npos) out.replace(sign, 3, "@");
    return out;
}

std::string dotted(std::uint32_t address) {
    const in_addr in{htonl(address)};
    char out[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &in, out, sizeof out);
    return out;
}

class Front {
  public:
    Front(abuse::Loop& loop, abuse::Rules& rules, int back)
        : loop_(loop), rules_(rules), back_(back) {}

    void serve(const std::shared_ptr<abuse::Exchange>& place, const abuse::Message& m) {
        auto asked = std::make_shared<Asked>();
        const auto target = m.target();
        asked->action = actionOf(abuse::findRoute(m.method(), target.substr(0, target.find('?'))));
        asked->ip = dotted(place->peer());
        asked->email = m.body.empty() ? queryEmail(target) : abuse::jsonValue(m.body, "email");
        asked->session = abuse::cookieOf(m.field("cookie"), "browserid_state");
        if (const auto wait = rules_.check(asked->request(), seconds())) {
            place->answer(abuse::response(
                429, "text/plain", "Too Many Requests",
                "Retry-After: " + std::to_string(static_cast<long>(*wait) + 1) + "\r\n"));
            return;
        }
        pass(place, asked, rewritten(m, asked->ip));
    }

  private:
    struct Asked {
        std::string_view action;
        std::string ip, email, session;
        [[nodiscard]] abuse::Rules::Request request() const { return {action, ip, email, session}; }
    };

    [[nodiscard]] double seconds() const { return static_cast<double>(loop_.now()) / 1e6; }

    static std::string rewritten(const abuse::Message& m, const std::string& ip) {
        std::string out = m.start + "\r\nX-Forwarded-For: " + ip + "\r\n";
        for (const auto& [name, value] : m.fields) {
            const bool ours = abuse::equalNoCase(name, "connection") ||
                              abuse::equalNoCase(name, "x-forwarded-for") ||
                              abuse::equalNoCase(name, "content-length") ||
                              abuse::equalNoCase(name, "transfer-encoding");
            if (!ours) out.append(name).append(": ").append(value).append("\r\n");
        }
        if (m.method() == "POST")
            out += "Content-Length: " + std::to_string(m.body.size()) + "\r\n";
        return out + "\r\n" + m.body;
    }

    void pass(const std::shared_ptr<abuse::Exchange>& place, const std::shared_ptr<Asked>& asked,
              std::string octets) {
        abuse::Client* client = nullptr;
        while (!idle_.empty() && client == nullptr) {
            client = idle_.back();
            idle_.pop_back();
        }
        if (client == nullptr) {
            auto made = std::make_unique<abuse::Client>(loop_, 0, back_,
                                                        [this](abuse::Client& c) { drop(c); });
            if (!made->open())
                return place->answer(abuse::response(503, "text/plain", "no connection"));
            client = made.get();
            all_.emplace(client, std::move(made));
        }
        client->ask(std::move(octets), [this, place, asked](abuse::Client& c, abuse::Client::End,
                                                            const abuse::Message* answer) {
            if (c.open())
                idle_.push_back(&c);
            else
                drop(c);
            if (answer == nullptr)
                return place->answer(abuse::response(502, "text/plain", "Bad Gateway"));
            const auto outcome = answer->field("bid-aa-outcome");
            using enum abuse::Rules::Came;
            rules_.came(asked->request(),
                        outcome == "auth_fail"                                      ? Failed
                        : outcome == "auth_unknown" || outcome == "address_unknown" ? Unknown
                                                                                    : Well,
                        seconds());
            std::string fields;
            for (const auto& [name, value] : answer->fields)
                if (!abuse::equalNoCase(name, "content-length") &&
                    !abuse::equalNoCase(name, "content-type"))
                    fields.append(name).append(": ").append(value).append("\r\n");
            place->answer(abuse::response(answer->status(), answer->field("content-type"),
                                          answer->body, fields));
        });
    }

    void drop(abuse::Client& c) {
        std::erase(idle_, &c);
        const auto at = all_.find(&c);
        if (at == all_.end()) return;
        loop_.retire(std::move(at->second));
        all_.erase(at);
    }

    abuse::Loop& loop_;
    abuse::Rules& rules_;
    int back_;
    std::vector<abuse::Client*> idle_;
    std::map<abuse::Client*, std::unique_ptr<abuse::Client>> all_;
};

}  // namespace

int main(int count, char** words) try {
    std::map<std::string, std::string> options;
    for (int i = 1; i + 1 < count; i += 2) options[words[i]] = words[i + 1];
    std::ifstream file(options["--rules"]);
    if (!file) throw std::runtime_error("cannot read the rules '" + options["--rules"] + "'");
    std::stringstream text;
    text << file.rdbuf();
    abuse::Rules rules(text.str());
    std::signal(SIGTERM, [](int) { ended = 1; });
    std::signal(SIGINT, [](int) { ended = 1; });
    abuse::Loop loop;
    Front front(loop, rules, std::stoi(options["--back"]));
    abuse::Server door(loop, std::stoi(options["--port"]),
                       [&](const auto& place, const abuse::Message& m) { front.serve(place, m); });
    std::function<void()> tidy = [&] {
        rules.expire(static_cast<double>(loop.now()) / 1e6);
        loop.at(loop.now() + 10'000'000, tidy);
    };
    tidy();
    loop.run([] { return ended != 0; });
    return 0;
} catch (const std::exception& e) {
    std::cerr << "aafxa: " << e.what() << "\n";
    return 64;
}
