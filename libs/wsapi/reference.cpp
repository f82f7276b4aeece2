#include "libs/wsapi/endpoints.h"

namespace persona::wsapi {

namespace {

std::string_view roleOf(Server server) {
    return server == Server::Both     ? "browserid, dbwriter"
           : server == Server::Writes ? "dbwriter"
                                      : "browserid";
}

std::string_view authOf(Auth auth) {
    switch (auth) {
        case Auth::None:
            return "";
        case Auth::Assertion:
            return "session";
        case Auth::Password:
            return "session by password";
        case Auth::Service:
            return "role";
    }
    return "";
}

std::string argumentsOf(const Endpoint& e) {
    std::string out;
    for (const auto& a : e.arguments) {
        out += out.empty() ? "" : ", ";
        out.append("`").append(a.name).append("` ").append(nameOf(a.type));
        if (a.optional) out += ", optional";
    }
    if (!e.strict) out += out.empty() ? "any" : "; others are ignored";
    return out;
}

void table(std::string& out, bool internal) {
    out +=
        "| call | method | role | needs | arguments | language | what it does |\n"
        "|---|---|---|---|---|---|---|\n";
    for (const auto& e : endpoints()) {
        if (e.internal() != internal) continue;
        out.append("| `").append(e.name).append("` | ").append(e.method).append(" | ");
        out.append(roleOf(e.server)).append(" | ").append(authOf(e.auth)).append(" | ");
        out.append(argumentsOf(e)).append(" | ").append(e.locale ? "yes" : "").append(" | ");
        out.append(e.summary).append(" |\n");
    }
}

}  // namespace

std::string endpointReference() {
    std::string out =
        R"(# The HTTP API

Printed from the table that the roles and the router work by: `build/bin/persona-api-reference > docs/api.md`.
A test compares. Every call is `/wsapi/<call>`; arguments of a GET are in its query, those of a POST in a JSON
or form body. JSON types are strict: a text is a text, a boolean is `true` or `false`.

- A POST carries `csrf`, the `csrf_token` of `session_context`. The token is **a new one after every sign-in**
  (`authenticate_user`, `auth_with_assertion`, `complete_*`, `update_password`): ask `session_context` again.
- Every answer has `Cache-Control: no-cache, max-age=0`. 503 with `Retry-After`: a queue is full; 503
  `Service Unavailable: database unavailable`: the database is.
- 400 `{"success":false,"reason":...}` names the first argument that does not fit.
- A field that is no list (`Content-Type`, `Cookie`, `Authorization`, `Origin`, `User-Agent`, `Referer` and the like) may
  stand once in a request; twice is 400 in plain text, from the front door, and reaches nobody. A parameter that is given
  twice, in a query, a form or an object, is 400 too.
- A GET that another site's page or a navigation makes (`Sec-Fetch-Site` other than `same-origin`, or `Sec-Fetch-Mode:
  navigate`) is answered, but sets no cookie. So the `origin` that it tells `session_context` is not kept.
- `issuer` and `forceIssuer` are `default` or one of the option `forcible_issuers`; others are 400. `allowUnverified` is
  taken for `false` unless the option `allow_unverified` is on; `authenticate_user` has no use for it.
- "language" yes: a mail is written in the language that `Accept-Language` asks for.

)";
    table(out, false);
    out += R"(
## Between roles

404 from outside. Each carries the credentials of a role (`X-Persona-Role`, `-Time`, `-Nonce`, `-Signature`), and is
refused with 403 without them, more than 30 seconds away from its time, or a second time.

)";
    table(out, true);
    return out;
}

}  // namespace persona::wsapi
