#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tests/support/service.h"

namespace persona::testing {

namespace {

std::string lower(std::string s) {
    for (auto& c : s) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return s;
}

std::string unchunk(const std::string& body) {
    std::string out;
    for (std::size_t at = 0; at < body.size();) {
        const auto end = body.find("\r\n", at);
        if (end == std::string::npos) break;
        const auto size = std::stoul(body.substr(at, end - at), nullptr, 16);
        if (size == 0) break;
        out += body.substr(end + 2, size);
        at = end + 2 + size + 2;
    }
    return out;
}

Response parse(const std::string& text) {
    Response r;
    const auto end = text.find("\r\n\r\n");
    if (text.size() < 12 || end == std::string::npos) return r;
    r.status = static_cast<unsigned>(std::stoul(text.substr(9, 3)));
    for (auto at = text.find("\r\n") + 2; at < end + 2;) {
        const auto line_end = text.find("\r\n", at);
        const auto line = text.substr(at, line_end - at);
        const auto colon = line.find(':');
        if (colon != std::string::npos)
            r.headers.emplace(lower(line.substr(0, colon)),
                              line.substr(std::min(line.size(), colon + 2)));
        at = line_end + 2;
    }
    r.body = text.substr(end + 4);
    if (lower(r.header("transfer-encoding")) == "chunked") r.body = unchunk(r.body);
    return r;
}

AnswerObserver& observer() {
    static AnswerObserver one;
    return one;
}

}  // namespace

void observeAnswers(AnswerObserver observer) {
    ::persona::testing::observer() = std::move(observer);
}

std::string converse(unsigned short port, const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(port);
    const timeval limit{30, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string out;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0) {
        std::size_t sent = 0;
        while (sent < request.size()) {
            const auto n = ::send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) break;
            sent += static_cast<std::size_t>(n);
        }
        char piece[16'384];
        // With a time limit a call that a signal interrupts is not taken up again by the kernel.
        for (ssize_t n; (n = ::recv(fd, piece, sizeof piece, 0)) > 0 || (n < 0 && errno == EINTR);)
            if (n > 0) out.append(piece, static_cast<std::size_t>(n));
    }
    ::close(fd);
    return out;
}

std::string Response::header(const std::string& name) const {
    const auto at = headers.find(name);
    return at == headers.end() ? "" : at->second;
}

Response Browser::send(const std::string& method, const std::string& target,
                       const std::string& body,
                       std::vector<std::pair<std::string, std::string>> fields) {
    std::string request = method + " " + target +
                          " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) +
                          "\r\nConnection: close\r\n";
    fields.insert(fields.end(), this->fields.begin(), this->fields.end());
    for (const auto& [n, v] : fields) request += n + ": " + v + "\r\n";
    std::string jar;
    for (const auto& [n, v] : cookies) jar += (jar.empty() ? "" : "; ") + n + "=" + v;
    if (!jar.empty()) request += "Cookie: " + jar + "\r\n";
    if (!body.empty() || method == "POST")
        request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    auto r = parse(converse(port_, request + "\r\n" + body));
    if (observer()) observer()(port_, target, r);
    saw_cookie = r.headers.contains("set-cookie");
    const auto [first, last] = r.headers.equal_range("set-cookie");
    for (auto c = first; c != last; ++c) {
        const auto equals = c->second.find('=');
        const auto end = c->second.find(';');
        cookies[c->second.substr(0, equals)] = c->second.substr(equals + 1, end - equals - 1);
    }
    return r;
}

Response Browser::get(const std::string& target) {
    return send("GET", target);
}

protocol::Json Browser::context() {
    const auto r = get("/wsapi/session_context");
    const auto json = r.json();
    EXPECT_EQ(r.status, 200u) << r.body;
    if (!json) return protocol::Json::object();
    csrf_ = *json->findText("csrf_token");
    return *json;
}

Response Browser::post(const std::string& call, const std::string& json) {
    if (csrf_.empty()) context();
    auto body = protocol::Json::parse(json);
    EXPECT_TRUE(body) << json;
    body->add("csrf", csrf_);
    auto r = send("POST", "/wsapi/" + call, body->dump(), {{"Content-Type", "application/json"}});
    // A sign-in makes a new token; an answer that sets a cookie may have been one.
    if (saw_cookie) csrf_.clear();
    return r;
}

}  // namespace persona::testing
