#include "host/admin/admin.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/URI.h>

#include <sstream>

namespace persona::host::admin {

namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

std::string text(const Object& object) {
    std::ostringstream out;
    object.stringify(out);
    out << "\n";
    return out.str();
}

Array listOf(const std::vector<std::string>& items) {
    Array a;
    for (const auto& i : items) a.add(i);
    return a;
}

constexpr std::uint64_t kMostBody = 64 * 1024;

class Hooks final : public net::ExchangeHooks {
  public:
    explicit Hooks(std::function<void()> with_body = {}) : with_body_(std::move(with_body)) {}
    void onBodyReady() override { with_body_(); }
    void onComplete(const net::Summary&) override {}

  private:
    std::function<void()> with_body_;
};

}  // namespace

std::string Admin::errorText(const std::string& why) {
    Object o(Poco::JSON_PRESERVE_KEY_ORDER);
    o.set("error", why);
    return text(o);
}

std::string Admin::textOf(const generation::Outcome& outcome, bool revert) {
    Object o(Poco::JSON_PRESERVE_KEY_ORDER);
    o.set("ok", outcome.ok);
    o.set("generation", outcome.generation);
    if (!revert) o.set("dry_run", outcome.dry_run);
    if (!outcome.ok) {
        o.set("step", outcome.step);
        o.set("error", outcome.error);
    } else {
        o.set("build_us", outcome.build_us);
        o.set("publish_us", outcome.publish_us);
    }
    o.set("notes", listOf(outcome.notes));
    return text(o);
}

template <typename Work>
void Admin::guarded(const net::ExchangePtr& exchange, Work&& work) const {
    std::string why = "unknown exception";
    try {
        return work();
    } catch (const std::exception& e) {
        why = e.what();
    } catch (...) {  // said below
    }
    // Without the query, which may be private.
    const auto& target = exchange->request.target;
    port_.runtime.log.write(
        4, "admin",
        exchange->request.method + " " + target.substr(0, target.find('?')) + ": " + why);
    answer(exchange, 500, "", errorText("failed: see the log"));
}

void Admin::dispatch(net::ExchangePtr exchange) {
    guarded(exchange, [&] { route(exchange); });
}

void Admin::route(const net::ExchangePtr& exchange) {
    const std::string target = exchange->request.target;
    const auto question = target.find('?');
    const auto path = target.substr(0, question);
    const auto query = question == std::string::npos ? std::string() : target.substr(question + 1);
    const auto& method = exchange->request.method;
    if (may_change_ && method == "POST" && (path == "/commands" || path == "/heuristic")) {
        const bool trial = path == "/heuristic";
        // The exchange owns its hooks.
        exchange->attach(std::make_unique<Hooks>([this, trial, raw = exchange.get()] {
            const auto self = raw->shared_from_this();
            guarded(self, [&] { trial ? tryHeuristic(self) : command(self); });
        }));
        return exchange->bufferBody(kMostBody);
    }
    exchange->attach(std::make_unique<Hooks>());
    exchange->discardBody(0);
    if (method == "GET" || method == "HEAD") return read(exchange, path);
    if (method != "POST") return answer(exchange, 405, "", errorText("GET or POST"));
    if (!may_change_)
        return answer(exchange, 403, "",
                      errorText("this listener only shows; changes go through the control socket "
                                "(admin.socket, persona-host ctl)"));
    change(exchange, path, query);
}

void Admin::answer(const net::ExchangePtr& exchange, unsigned status, const std::string& type,
                   std::string body) const {
    net::ResponseHead head;
    head.status = status;
    head.fields.add("Content-Type", type.empty() ? "application/json" : type);
    head.fields.add("Cache-Control", "no-store");
    if (exchange->loop().isCurrent()) {
        exchange->respond(std::move(head), std::move(body));
        return;
    }
    exchange->loop().post([exchange, head = std::move(head), body = std::move(body)]() mutable {
        exchange->respond(std::move(head), std::move(body));
    });
}

void Admin::read(const net::ExchangePtr& exchange, const std::string& path) const {
    if (path == "/__heartbeat__") return answer(exchange, 200, "text/plain", "ok");
    if (path == "/metrics")
        return answer(exchange, 200, "text/plain; version=0.0.4", port_.metrics());
    if (may_change_ && path == "/commands") return answer(exchange, 200, "", commands_.list());
    const bool everywhere = path == "/generations";
    if (!everywhere &&
        !(may_change_ && (path == "/modules" || path == "/counters" || path == "/loglevel")))
        return answer(exchange, 404, "", errorText("nothing here"));
    port_.on_control([this, exchange, path] {
        answer(exchange, 200, "",
               path == "/generations" ? generations()
               : path == "/modules"   ? modules()
               : path == "/counters"  ? counters()
                                      : "{\"level\":\"" + port_.runtime.log.level() + "\"}\n");
    });
}

void Admin::change(const net::ExchangePtr& exchange, const std::string& path,
                   const std::string& query) {
    if (path == "/reload") {
        if (!query.empty() && query != "dry_run=1")
            return answer(exchange, 400, "", errorText("expected ?dry_run=1 or nothing"));
        return port_.generations.reload("the control socket", !query.empty(),
                                        [this, exchange](const generation::Outcome& outcome) {
                                            answer(exchange, outcome.ok ? 200 : 409, "",
                                                   textOf(outcome, false));
                                        });
    }
    if (path == "/revert")
        return port_.generations.revert(
            "the control socket", [this, exchange](const generation::Outcome& outcome) {
                answer(exchange, outcome.ok ? 200 : 409, "", textOf(outcome, true));
            });
    if (path == "/replace")
        return port_.replace([this, exchange](int pid, const std::string& error) {
            Object o(Poco::JSON_PRESERVE_KEY_ORDER);
            o.set("ok", error.empty());
            error.empty() ? o.set("pid", pid) : o.set("error", error);
            answer(exchange, error.empty() ? 200 : 409, "", text(o));
        });
    if (path == "/loglevel") {
        const auto level = query.starts_with("level=") ? query.substr(6) : std::string();
        if (!port_.runtime.log.setLevel(level))
            return answer(exchange, 400, "",
                          errorText("level: expected trace, debug, info, warn or error"));
        port_.runtime.log.write(4, "admin", "log level is " + level + " now");
        return answer(exchange, 200, "", "{\"level\":\"" + level + "\"}\n");
    }
    if (path == "/filter") return tellFilter(exchange, query);
    answer(exchange, 404, "", errorText("nothing here"));
}

void Admin::command(const net::ExchangePtr& exchange) {
    const auto from = exchange->peer_uid < 0 ? std::string("unknown")
                                             : "uid " + std::to_string(exchange->peer_uid);
    commands_.run(std::string(exchange->body()), from,
                  [this, exchange](unsigned status, std::string body) {
                      answer(exchange, status, "", std::move(body));
                  });
}

/// Words to a filter's plugin. What they mean, and whether they can be done, it says itself.
void Admin::tellFilter(const net::ExchangePtr& exchange, const std::string& query) const {
    std::string to, words;
    try {
        for (const auto& [name, value] : Poco::URI("?" + query).getQueryParameters())
            (name == "to" ? to : words) = value;
    } catch (const Poco::SyntaxException&) {
        return answer(exchange, 400, "", errorText("the query cannot be decoded"));
    }
    if (to.empty() || words.empty() || words.size() > 1'024)
        return answer(exchange, 400, "", errorText("expected ?to=FILTER&words=WORDS"));
    port_.on_control([this, exchange, to, words] {
        std::string why;
        auto json = port_.generations.command(to, words, why);
        if (json.empty()) return answer(exchange, 404, "", errorText(why));
        const bool refused = json.starts_with("{\"error\"");
        answer(exchange, refused ? 409 : 200, "", json + "\n");
    });
}

std::string Admin::generations() const {
    Object o(Poco::JSON_PRESERVE_KEY_ORDER);
    Array all;
    for (const auto& g : port_.generations.list()) {
        Object one(Poco::JSON_PRESERVE_KEY_ORDER);
        one.set("id", g.id);
        one.set("state", g.state);
        one.set("age_ms", g.age_ms);
        one.set("in_flight", g.in_flight);
        one.set("calls", g.counts.calls);
        one.set("faults", g.counts.faults);
        one.set("breakers_opened", g.counts.openings);
        one.set("members", listOf(g.members));
        one.set("holds", listOf(g.holds));
        all.add(one);
    }
    o.set("generations", all);
    o.set("last_error", port_.generations.lastError());
    return text(o);
}

std::string Admin::modules() const {
    Object o(Poco::JSON_PRESERVE_KEY_ORDER);
    Array all;
    for (const auto& i : port_.modules.images()) {
        Object one(Poco::JSON_PRESERVE_KEY_ORDER);
        one.set("id", i->manifest.id);
        one.set("version", i->manifest.version);
        one.set("vendor", i->manifest.vendor);
        one.set("maturity", i->manifest.maturity);
        one.set("sha256", i->hash);
        one.set("file", i->file);
        one.set("staged", i->staged);
        all.add(one);
    }
    o.set("modules", all);
    o.set("mapped", port_.modules.mapped());
    o.set("bound", module::Store::kMaxImages);
    return text(o);
}

std::string Admin::counters() const {
    Object o(Poco::JSON_PRESERVE_KEY_ORDER);
    Array tables;
    for (const auto& t : port_.runtime.counters.list()) {
        Object one(Poco::JSON_PRESERVE_KEY_ORDER);
        one.set("name", t.name);
        one.set("kind", t.kind);
        one.set("slots", t.slots);
        one.set("used", t.used);
        one.set("evicted", t.evicted);
        one.set("bytes", t.bytes);
        tables.add(one);
    }
    o.set("tables", tables);
    Object metrics(Poco::JSON_PRESERVE_KEY_ORDER);
    for (const auto& [name, value] : port_.runtime.metrics.values()) metrics.set(name, value);
    o.set("metrics", metrics);
    return text(o);
}

}  // namespace persona::host::admin
