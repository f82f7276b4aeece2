#include "tests/conformance/http_verifier.h"

#include <poll.h>
#include <sys/socket.h>

#include <charconv>
#include <stdexcept>

#include "host/net/socket.h"
#include "libs/protocol/names.h"
#include "libs/protocol/published.h"

namespace persona::conformance {

namespace net = host::net;

class HttpVerifier::Observer final : public net::EngineObserver {
    void count(std::string_view) override {}
    void log(int, std::string_view) override {}
};

/// What the plugin does with a stream, done with an exchange.
class HttpVerifier::Front final : public net::Dispatcher {
  public:
    persona::Published<verifier::Judge> judge;

    void dispatch(net::ExchangePtr exchange) override {
        exchange->attach(std::make_unique<Hooks>(*this, *exchange));
        const auto path = pathOf(*exchange);
        if (path != "/verify" && path != "/v2" && path != "/") return answer(exchange, missing());
        exchange->bufferBody(verifier::kMaxBody);
    }

  private:
    class Hooks final : public net::ExchangeHooks {
      public:
        Hooks(Front& front, net::Exchange& exchange) : front_(front), exchange_(exchange) {}
        void onBodyReady() override { front_.judgeIt(exchange_.shared_from_this()); }
        void onComplete(const net::Summary&) override {}

      private:
        Front& front_;
        net::Exchange& exchange_;
    };
    static std::string_view pathOf(const net::Exchange& e) {
        const std::string_view target = e.request.target;
        return target.substr(0, target.find('?'));
    }
    static verifier::ApiAnswer missing() {
        verifier::ApiAnswer a;
        a.status = 404;
        a.content_type = "text/plain";
        a.body = "Not Found";
        return a;
    }
    void judgeIt(const net::ExchangePtr& e) {
        const std::string_view target = e->request.target;
        const auto question = target.find('?');
        const auto query =
            question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
        const auto type = e->request.fields.find("content-type").value_or(std::string_view());
        judge.load()->handle({e->request.method, pathOf(*e), query, type, e->body()},
                             [e](verifier::ApiAnswer a) {
                                 e->loop().post([e, a = std::move(a)] { answer(e, a); });
                             });
    }
    static void answer(const net::ExchangePtr& e, const verifier::ApiAnswer& a) {
        net::ResponseHead head;
        head.status = a.status;
        for (const auto& [name, value] : headersOf(a, false)) head.fields.add(name, value);
        e->respond(std::move(head), a.body);
    }
};

HttpVerifier::HttpVerifier()
    : observer_(std::make_unique<Observer>()), front_(std::make_shared<Front>()) {
    net::EngineSettings settings;
    settings.loops = 1;
    net::ListenerSettings listener;
    listener.name = "verifier";
    listener.address = "127.0.0.1:0";
    listener.service = "verifier";
    settings.listeners.push_back(listener);
    engine_ = std::make_unique<net::Engine>(settings, *observer_);
    if (const auto error = engine_->start({{"verifier", front_}}); !error.empty())
        throw std::runtime_error(error);
}

HttpVerifier::~HttpVerifier() {
    engine_->stop();
}

void HttpVerifier::use(std::shared_ptr<verifier::Judge> judge) {
    front_->judge.store(std::move(judge));
}

unsigned short HttpVerifier::port() const {
    return engine_->port("verifier");
}

HttpVerifier::Answer HttpVerifier::ask(const std::string& method, const std::string& target,
                                       const std::multimap<std::string, std::string>& fields,
                                       const std::string& body) const {
    net::SocketAddress address;
    std::string error;
    const net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!net::parseSocketAddress("127.0.0.1:" + std::to_string(port()), address, error) ||
        ::connect(fd.get(), address.get(), address.size) != 0)
        throw std::runtime_error("cannot connect to the verifier");
    std::string out =
        method + " " + target + " HTTP/1.1\r\nHost: verifier\r\nConnection: close\r\n";
    bool length = false;
    for (const auto& [name, value] : fields) {
        out += name + ": " + value + "\r\n";
        length = length || protocol::toLower(name) == "content-length";
    }
    if (!length && !body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    out += "\r\n" + body;
    for (std::size_t sent = 0; sent < out.size();) {
        const auto n = ::send(fd.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<std::size_t>(n);
    }
    std::string text;
    for (;;) {
        pollfd p{fd.get(), POLLIN, 0};
        if (::poll(&p, 1, 20'000) != 1) throw std::runtime_error("no answer in 20 s");
        char data[16'384];
        const auto n = ::recv(fd.get(), data, sizeof data, 0);
        if (n <= 0) break;
        text.append(data, static_cast<std::size_t>(n));
    }
    Answer answer;
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos || text.size() < 12) return answer;
    std::from_chars(text.data() + 9, text.data() + 12, answer.status);
    for (auto at = text.find("\r\n") + 2; at < end;) {
        const auto stop = text.find("\r\n", at);
        const auto line = text.substr(at, stop - at);
        const auto colon = line.find(':');
        auto value = line.substr(colon + 1);
        value.erase(0, value.find_first_not_of(' '));
        answer.headers.emplace(protocol::toLower(line.substr(0, colon)), value);
        at = stop + 2;
    }
    answer.body = text.substr(end + 4);
    return answer;
}

}  // namespace persona::conformance
