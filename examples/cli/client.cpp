#include "examples/cli/client.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPCookie.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSClientSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLManager.h>

#include <array>
#include <istream>
#include <ostream>
#include <utility>

#include "examples/cli/failure.h"

namespace persona::cli {

namespace {

using protocol::Json;

constexpr std::size_t kMostBody = 1024 * 1024;

std::string readBody(std::istream& in) {
    std::string out;
    std::array<char, 8192> chunk{};
    while (in.read(chunk.data(), chunk.size()), in.gcount() > 0) {
        out.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
        if (out.size() > kMostBody) throw Failure(Exit::Protocol, "the answer is over 1 MiB");
    }
    return out;
}

/// "name=value" of a Set-Cookie field; a lifetime that is over takes the cookie away.
void keepCookies(const Poco::Net::HTTPResponse& response, Client::Cookies& cookies) {
    std::vector<Poco::Net::HTTPCookie> set;
    response.getCookies(set);
    for (const auto& cookie : set) {
        if (cookie.getMaxAge() == 0 || cookie.getValue().empty())
            cookies.erase(cookie.getName());
        else
            cookies[cookie.getName()] = cookie.getValue();
    }
}

/// What the service said, for people: the reason of a JSON answer, else its text.
std::string reasonOf(const Client::Answer& answer) {
    if (const auto json = Json::parse(answer.body))
        if (const auto* reason = json->findText("reason")) return *reason;
    return answer.body.empty() ? "no reason given" : answer.body.substr(0, 300);
}

[[noreturn]] void refuse(const std::string& name, const Client::Answer& answer) {
    const bool away = answer.status == 502 || answer.status == 503 || answer.status == 504;
    throw Failure(away ? Exit::Unavailable : Exit::Refused,
                  name + ": " + std::to_string(answer.status) + " " + reasonOf(answer));
}

}  // namespace

Json Client::Answer::json() const {
    auto out = Json::parse(body);
    if (!out || !out->isObject())
        throw Failure(Exit::Protocol, "expected a JSON object, got status " +
                                          std::to_string(status) + " and " + body.substr(0, 100));
    return *out;
}

Client::Client(const std::string& url, Cookies& cookies, std::chrono::seconds timeout,
               const std::string& ca_file)
    : url_(url), cookies_(cookies) {
    if (url_.getScheme() == "https") {
        Poco::Net::Context::Ptr context(
            new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, ca_file,
                                   Poco::Net::Context::VERIFY_STRICT, 9, true));
        context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
        session_ = std::make_unique<Poco::Net::HTTPSClientSession>(url_.getHost(), url_.getPort(),
                                                                   context);
    } else {
        session_ = std::make_unique<Poco::Net::HTTPClientSession>(url_.getHost(), url_.getPort());
    }
    session_->setKeepAlive(true);
    session_->setTimeout(Poco::Timespan(static_cast<long>(timeout.count()), 0));
}

Client::Answer Client::exchange(const std::string& method, const std::string& target,
                                const std::string& body) {
    try {
        Poco::Net::HTTPRequest request(method, target, Poco::Net::HTTPMessage::HTTP_1_1);
        request.setKeepAlive(true);
        std::string jar;
        for (const auto& [name, value] : cookies_)
            jar += (jar.empty() ? "" : "; ") + name + "=" + value;
        if (!jar.empty()) request.set("Cookie", jar);
        if (method == "POST") {
            request.setContentType("application/json");
            request.setContentLength(static_cast<int>(body.size()));
        }
        session_->sendRequest(request) << body << std::flush;
        Poco::Net::HTTPResponse response;
        auto& in = session_->receiveResponse(response);
        Answer answer{response.getStatus(), response.getContentType(), readBody(in)};
        keepCookies(response, cookies_);
        return answer;
    } catch (const Poco::Exception& e) {
        session_->reset();
        throw Failure(Exit::Unavailable, "no answer from " + url_.toString() + ": " +
                                             e.displayText() + " (is the service running?)");
    }
}

Client::Answer Client::get(const std::string& path_and_query) {
    return exchange("GET", path_and_query, "");
}

Client::Answer Client::post(const std::string& path, const Json& body) {
    return exchange("POST", path, body.dump());
}

Json Client::call(const std::string& name, const Cookies& query) {
    std::string target = "/wsapi/" + name;
    char separator = '?';
    for (const auto& [key, value] : query) {
        std::string encoded;
        Poco::URI::encode(value, "!#$&'()*+,/:;=?@[]%", encoded);
        target += separator + key + "=" + encoded;
        separator = '&';
    }
    const auto answer = get(target);
    if (answer.status != 200) refuse(name, answer);
    return answer.json();
}

Client::Answer Client::sendRaw(const std::string& name, Json arguments) {
    const auto context = call("session_context");
    const auto* token = context.findText("csrf_token");
    if (token == nullptr) throw Failure(Exit::Protocol, "session_context has no csrf_token");
    arguments.add("csrf", *token);
    auto answer = post("/wsapi/" + name, arguments);
    if (answer.status != 200) refuse(name, answer);
    return answer;
}

Json Client::send(const std::string& name, Json arguments) {
    const auto answer = sendRaw(name, std::move(arguments));
    auto json = answer.json();
    const auto* success = json.find("success");
    if (success == nullptr || !success->boolean()) refuse(name, answer);
    return json;
}

std::string Client::sendForText(const std::string& name, Json arguments) {
    return sendRaw(name, std::move(arguments)).body;
}

}  // namespace persona::cli
