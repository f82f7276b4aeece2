#include "libs/protocol/names.h"
#include "tests/conformance/http_verifier.h"
#include "tests/conformance/vectors.h"

namespace persona::conformance {

namespace {

std::shared_ptr<verifier::Judge> judgeFor(const Json& file, const Json& c) {
    const auto verifier = verifierOf(file, c);
    auto options = std::make_shared<protocol::VerifyOptions>(verifyOptions(verifier));
    options->certificates = std::make_shared<protocol::CertificateCache>(64);
    options->seen_keys = std::make_shared<protocol::KeyCache>(64);
    discovery::Options o;
    o.protocol = discoveryOptions(verifier);
    discovery::Ports ports;
    ports.fetch = worldOf(file, c).port();
    const auto now = nowOf(file, c);
    ports.now_ms = [now] { return now; };
    return std::make_shared<verifier::Judge>(
        std::move(options),
        verifier::Judge::Ports{
            std::make_shared<discovery::Discovery>(std::move(o), std::move(ports)),
            [now] { return now; }},
        64);
}

void compareAnswer(Report& report, const HttpVerifier::Answer& got, const Json& expect) {
    const auto& wanted = at(expect, "status");
    if (wanted.isNumber())
        report.equal(static_cast<std::int64_t>(got.status), number(wanted),
                     "status (" + got.body + ")");
    if (const auto& any = at(expect, "status_in"); any.isArray()) {
        bool found = false;
        for (const auto& s : any.items())
            found = found || (s.isNumber() ? number(s) == got.status : got.status == 0);
        report.check(found,
                     "status: got " + std::to_string(got.status) + ", wanted one of " + any.dump());
    }
    const auto header = [&](const std::string& name) {
        const auto it = got.headers.find(protocol::toLower(name));
        return it == got.headers.end() ? std::string() : it->second;
    };
    if (const auto& type = at(expect, "content_type_prefix"); type.isString())
        report.check(header("content-type").starts_with(type.text()),
                     "content type: wanted " + type.text() + ", got " + header("content-type"));
    if (const auto& allow = at(expect, "allow"); allow.isString())
        report.equal(header("allow"), allow.text(), "Allow");
    if (const auto& none = at(expect, "no_header"); !none.isNull())
        for (const auto& name : none.isArray() ? none.items() : std::vector<Json>{none})
            report.check(got.headers.count(protocol::toLower(name.text())) == 0,
                         "header " + name.text() + " must be absent");
    // No answer of the verifier is for scripts of other origins (3.1).
    report.check(got.headers.count("access-control-allow-origin") == 0, "a CORS header was sent");
    if (const auto& body = at(expect, "body"); body.isString())
        report.equal(got.body, body.text(), "body");
    else if (!body.isNull())
        report.equal(Json::parse(got.body).value_or(Json()), body, "body");
}

}  // namespace

void runBundlesHttp(const Json& file, Report& report) {
    HttpVerifier server;
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        server.use(judgeFor(file, c));
        for (const auto api : {protocol::Api::V1, protocol::Api::V2}) {
            const bool v1 = api == protocol::Api::V1;
            const auto& expect = at(at(c, "expect"), v1 ? "v1" : "v2");
            if (!expect.isObject()) continue;
            for (int round = 0; round < 2; ++round) {
                const auto got =
                    server.ask("POST", v1 ? "/verify" : "/v2",
                               {{"Content-Type", "application/json"}}, at(c, "request").dump());
                report.equal(static_cast<std::int64_t>(got.status), std::int64_t{200},
                             "HTTP status");
                compareVerdict(report, Json::parse(got.body).value_or(Json()), expect, api);
            }
        }
    }
}

void runRequestsHttp(const Json& file, Report& report) {
    HttpVerifier server;
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        if (!at(c, "expect").isObject()) {
            report.skip();
            continue;
        }
        server.use(judgeFor(file, c));
        const auto& request = at(c, "request");
        std::multimap<std::string, std::string> fields;
        for (const auto& [name, value] : at(request, "headers").members())
            fields.emplace(name, value.isString() ? value.text() : value.dump());
        const auto& body = at(request, "body");
        compareAnswer(report,
                      server.ask(at(request, "method").text(), at(request, "path").text(), fields,
                                 body.isString() || body.isNull() ? body.text() : body.dump()),
                      at(c, "expect"));
    }
}

void runRequests(const Json& file, Report& report) {
    for (const auto& c : at(file, "cases").items()) {
        report.begin(labelOf(c));
        if (!at(c, "expect").isObject()) {
            report.skip();
            continue;
        }
        const auto& request = at(c, "request");
        const auto& path = at(request, "path").text();
        const auto question = path.find('?');
        std::string type;
        for (const auto& [name, value] : at(request, "headers").members())
            if (protocol::toLower(name) == "content-type") type = value.text();
        HttpVerifier::Answer got;
        judgeFor(file, c)->handle({at(request, "method").text(), path.substr(0, question),
                                   question == std::string::npos ? "" : path.substr(question + 1),
                                   type, at(request, "body").text()},
                                  [&](verifier::ApiAnswer a) {
                                      got.status = a.status;
                                      for (const auto& [name, value] : headersOf(a, false))
                                          got.headers.emplace(protocol::toLower(name), value);
                                      got.body = std::move(a.body);
                                  });
        compareAnswer(report, got, at(c, "expect"));
    }
}

}  // namespace persona::conformance
