#include <persona/sdk/service.hpp>

#include <array>
#include <atomic>
#include <random>

#include "libs/wsapi/authority.h"
#include "libs/wsapi/form.h"
#include "plugins/router/front.h"
#include "plugins/router/routes.h"

/// The front door: chooses the role for each request and hands it over (wsapi.md section 2).
namespace persona::router {

class Router final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {
            sdk::option("public_url", PSN_OPT_STRING, "",
                        "origin of the service, such as https://login.example", PSN_OPT_REQUIRED),
            sdk::option("public_verifier_url", PSN_OPT_STRING, "",
                        "origin of the verifier when it has a host name of its own"),
            sdk::option("code_version", PSN_OPT_STRING, "",
                        "version of the pages that are served, as they send it in "
                        "BrowserID-git-sha; empty: not compared"),
            sdk::option("upstreams.browserid", PSN_OPT_STRING, "browserid",
                        "upstream of the API that reads"),
            sdk::option("upstreams.dbwriter", PSN_OPT_STRING, "dbwriter",
                        "upstream of the API that writes"),
            sdk::option("upstreams.verifier", PSN_OPT_STRING, "verifier",
                        "upstream of the verifier"),
            sdk::option("upstreams.static", PSN_OPT_STRING, "static",
                        "upstream of everything else")};
    }

    Router(const psn_host* h, const psn_config* c)
        : Service(h, c),
          browserid_(config.str("upstreams.browserid")),
          dbwriter_(config.str("upstreams.dbwriter")),
          verifier_(config.str("upstreams.verifier")),
          static_(config.str("upstreams.static")),
          version_(config.str("code_version")) {
        if (wsapi::hostOf(config.str("public_url")).empty())
            throw std::runtime_error(
                "public_url: expected an origin such as https://login.example");
        const auto own = config.str("public_verifier_url");
        if (!own.empty() && wsapi::authorityOf(own).empty())
            throw std::runtime_error(
                "public_verifier_url: expected an origin such as https://verifier.example");
        verifier_authority_ = wsapi::verifierAuthority(own, config.str("public_url"));
        text_headers_ = {{"Content-Type", "text/plain; charset=utf-8"},
                         {"X-Content-Type-Options", "nosniff"}};
        if (config.str("public_url").starts_with("https:"))
            text_headers_.emplace_back("Strict-Transport-Security",
                                       "max-age=31536000; includeSubDomains");
        for (const auto& call : wsapi::endpoints()) {
            counters_.push_back(host.counter("wsapi." + std::string(call.name)));
            mismatches_.push_back(host.counter("wsapi_code_mismatch." + std::string(call.name)));
        }
        for (const auto* event : {"signin", "idp.auth_return", "idp.auth_cancel"})
            events_.emplace_back(event, host.counter(event));
        RouteOptions relay;
        relay.match = PSN_MATCH_PREFIX;
        relay.body = PSN_BODY_STREAM;
        relay.max_body = 10'240;
        const auto all = [this](const sdk::Stream& s) { handle(s); };
        route("", "/verify", "verify", relay, all);
        route("", "/wsapi", "wsapi", relay, all);
        route("", "/", "static", relay, all);
        route("OPTIONS", "*", "options", {},
              [this](const sdk::Stream& s) { refuse(s, 404, "Not Found"); });
    }

  private:
    void refuse(const sdk::Stream& s, unsigned status, std::string_view text) const {
        s.respond(status, text_headers_, text);
    }

    void handle(const sdk::Stream& s) const {
        const auto& request = s.request();
        const auto path = sdk::view(request.path);
        if (path == "/verify" || path == "/v2" ||
            (!verifier_authority_.empty() &&
             wsapi::sameAuthority(sdk::view(request.authority), verifier_authority_,
                                  sdk::view(request.scheme))))
            return relay(s, verifier_);
        const auto choice = choose(sdk::view(request.method), path);
        if (choice.call != nullptr) {
            const auto index = static_cast<std::size_t>(choice.call - wsapi::endpoints().data());
            counters_[index].add();
            compareVersion(s, index);
        }
        switch (choice.kind) {
            case Choice::Static:
                noteSignIn(s);
                return relay(s, static_);
            case Choice::Unknown:
                return refuse(s, 400, "Bad Request: no such api");
            case Choice::Internal:
                return refuse(s, 404, "Not Found");
            case Choice::Read:
                return relay(s, browserid_);
            case Choice::Write:
                return relay(s, dbwriter_);
        }
    }

    /// Pages that are older than the service: counted by call, never by URL, which may hold an
    /// address; said in the log once a second at most.
    void compareVersion(const sdk::Stream& s, std::size_t call) const {
        if (version_.empty()) return;
        const auto theirs = s.header("BrowserID-git-sha");
        if (theirs.empty() || theirs == version_) return;
        mismatches_[call].add();
        const auto second = s.request().received_ns / 1'000'000'000;
        if (mismatch_second_.exchange(second, std::memory_order_relaxed) == second) return;
        host.warn("Code version mis-match: /wsapi/" + std::string(wsapi::endpoints()[call].name) +
                  " expected: " + version_ + " received: " + std::string(theirs.substr(0, 40)));
    }

    void noteSignIn(const sdk::Stream& s) const {
        const auto event = signInEvent(s.path(), s.query());
        if (event.empty()) return;
        for (const auto& [name, counter] : events_)
            if (name == event) counter.add();
        // The site that sent the user here, or the provider that sent him back: never more of it.
        const auto origin = originOf(s.header("Referer")).substr(0, 256);
        host.info(std::string(event) + (event == "signin" ? " rp=" : " idp=") +
                  (origin.empty() ? "unknown" : std::string(origin)));
    }

    /// What looks like our own word between roles does not come from a client.
    void relay(const sdk::Stream& s, const std::string& upstream) const {
        const auto& request = s.request();
        std::array<psn_str, kMaxStripped> stripped;
        std::uint32_t count = 0;
        for (std::uint32_t i = 0; i < request.header_count; ++i) {
            if (!isInternalField(sdk::view(request.headers[i].name))) continue;
            // Nobody needs that many of them.
            if (count == stripped.size()) return refuse(s, 400, "Bad Request: internal fields");
            stripped[count++] = request.headers[i].name;
        }
        std::array<char, 32> fresh;
        std::array<psn_header, 2> set{
            psn_header{sdk::abi("X-Request-Id"),
                       request.request_id.n != 0 ? request.request_id : newRequestId(fresh)},
            psn_header{sdk::abi("BID-AA-Ask"), {}}};
        // What the anti-abuse filter asks of the role, where it asks something.
        const bool asks =
            s.api().get_value(s.raw(), sdk::abi("antiabuse.ask"), &set[1].value) == PSN_OK;
        const psn_forward f{sizeof(psn_forward),
                            PSN_FORWARD_HIDE_REPORT,
                            sdk::abi(upstream),
                            {},
                            set.data(),
                            asks ? 2U : 1U,
                            count,
                            stripped.data(),
                            0};
        if (s.api().forward(s.raw(), &f) != PSN_OK)
            refuse(s, 502, "Bad Gateway: the service is not available");
    }

    /// 128 bits in hex; unique, not secret. A filter that keeps ids comes before it.
    static psn_str newRequestId(std::array<char, 32>& id) {
        thread_local std::mt19937_64 source([] {
            std::random_device device;
            std::seed_seq seed{device(), device(), device(), device()};
            return std::mt19937_64(seed);
        }());
        static constexpr char kHex[] = "0123456789abcdef";
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < id.size(); ++i, word >>= 4) {
            if (i % 16 == 0) word = source();
            id[i] = kHex[word & 15];
        }
        return {id.data(), id.size()};
    }

    static constexpr std::size_t kMaxStripped = 32;
    const std::string browserid_, dbwriter_, verifier_, static_;
    const std::string version_;
    std::string verifier_authority_;
    sdk::Headers text_headers_;
    std::vector<sdk::Metric> counters_, mismatches_;
    std::vector<std::pair<std::string_view, sdk::Metric>> events_;
    mutable std::atomic<std::int64_t> mismatch_second_{-1};
};

}  // namespace persona::router

PSN_SERVICE_PLUGIN(
    persona::router::Router,
    R"({"id":"router","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
