#include "persona/testing/conformance.hpp"

#include <dirent.h>
#include <persona/abi/plugin.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>
#include <stdexcept>
#include <thread>

#include "options.h"
#include "persona/testing/harness.hpp"

namespace persona::testing {

namespace {

[[noreturn]] void fail(const std::string& why) {
    throw std::runtime_error(why);
}

std::size_t entriesOf(const char* directory) {
    DIR* d = ::opendir(directory);
    if (d == nullptr) return 0;
    std::size_t n = 0;
    while (::readdir(d) != nullptr) ++n;
    ::closedir(d);
    return n;
}

struct Table {
    const psn_option* options = nullptr;
    std::uint32_t count = 0;
};

template <typename T>
bool find(const psn_plugin_entry& e, std::string_view id, Table& out) {
    const auto* f = static_cast<const T*>(e.get_factory({id.data(), id.size()}));
    if (f == nullptr) return false;
    out = {f->options, f->option_count};
    return true;
}

Table optionsOf(const psn_plugin_entry& e) {
    Table t;
    if (!find<psn_http_filter_factory>(e, PSN_HTTP_FILTER_ID, t) &&
        !find<psn_heuristic_factory>(e, PSN_HEURISTIC_ID, t))
        find<psn_http_service_factory>(e, PSN_HTTP_SERVICE_ID, t);
    return t;
}

std::string text(psn_str s) {
    return s.n == 0 ? std::string() : std::string(s.p, s.n);
}

void checkOptions(const psn_plugin_entry& e) {
    const auto t = optionsOf(e);
    std::set<std::string> names;
    for (std::uint32_t i = 0; i < t.count; ++i) {
        const auto& o = t.options[i];
        const auto name = text(o.name);
        if (name.empty()) fail("an option without a name");
        for (const char c : name)
            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.'))
                fail("option '" + name + "': names have [a-z0-9_.] alone");
        if (!names.insert(name).second) fail("option '" + name + "' stands twice");
        if (o.doc.n == 0) fail("option '" + name + "' has no doc");
        if (o.type == PSN_OPT_ENUM && o.choices.n == 0) fail("option '" + name + "': no choices");
        if (o.min > o.max) fail("option '" + name + "': min is over max");
        if ((o.flags & PSN_OPT_REQUIRED) != 0 && o.def.n != 0)
            fail("option '" + name + "' is required and has a default");
        if ((o.flags & PSN_OPT_REQUIRED) == 0)
            (void)readOptions("", &o, 1);  // throws when the default does not fit its own type
    }
}

Script post(std::vector<std::string> body) {
    Script s;
    s.method = "POST";
    s.target = "/wsapi/stage_user";
    s.headers = {{"Host", "login.example"}, {"Content-Type", "application/json"}};
    s.body = std::move(body);
    s.upstream_headers = {{"Content-Type", "application/json"}};
    s.upstream_body = {"{\"success\":true}"};
    return s;
}

std::vector<std::string> singleOctets(const std::string& all) {
    std::vector<std::string> out;
    for (const char c : all) out.emplace_back(1, c);
    return out;
}

std::vector<Script> scripts() {
    Script get;
    get.headers = {{"Host", "login.example"}};
    Script head = get;
    head.method = "HEAD";
    Script odd = get;
    odd.method = "PROPFIND";
    odd.target = "/%00?a=%ff&&=";
    odd.headers.emplace_back("X-Long", std::string(8'000, 'x'));
    odd.client_address = "2001:db8::1";
    Script error = get;
    error.upstream_status = 503;
    error.upstream_headers = {{"Retry-After", "2"}};
    return {get,
            head,
            odd,
            error,
            post({"{\"email\":\"a@b.example\"}"}),
            post(singleOctets("{\"email\":\"a@b.example\"}")),
            post({std::string(200'000, 'x')}),
            post({std::string("\0\xff\xfe", 3)})};
}

void checkStreams(Harness& h) {
    for (const auto& s : scripts()) {
        auto running = h.open(s);
        if (!running.finish(std::chrono::seconds(5)))
            fail(s.method + " " + s.target + ": no answer within 5 s");
        const auto& o = running.outcome();
        if (!o.fault.empty()) fail(s.method + " " + s.target.substr(0, 40) + ": " + o.fault);
        if (!o.completed) fail("the stream did not complete");
    }
}

/// The client goes away at once, and in the middle; late resumes meet streams that are gone.
void checkCancel(Harness& h) {
    for (const auto& s : scripts()) {
        auto running = h.open(s);
        running.cancel();
        if (!running.outcome().fault.empty()) fail(running.outcome().fault);
    }
}

void checkMany(Harness& h) {
    std::vector<Running> all;
    const auto some = scripts();
    for (int i = 0; i < 64; ++i)
        all.push_back(h.open(some[static_cast<std::size_t>(i) % some.size()]));
    for (auto& r : all)
        if (!r.finish(std::chrono::seconds(5))) fail("a stream among 64 was never answered");
}

void checkFacts(Harness& h) {
    const char* addresses[] = {"192.0.2.1", "255.255.255.255", "2001:db8::1", "::"};
    for (const auto* a : addresses)
        for (const std::uint32_t level : {0U, 1U, 2U, 3U})
            for (const std::int64_t body :
                 {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 40}) {
                auto f = h.facts().from(a).sessionClass(level).bodyLength(body);
                (void)f.evaluate();
                f.observe(200, 0, 100);
                (void)f.evaluate();
                f.observe(0);
                (void)f.account("a@b.example")
                    .domain("b.example")
                    .origin("https://rp.example")
                    .method("POST")
                    .path("/wsapi/authenticate_user")
                    .route("wsapi.authenticate_user")
                    .routeClass(PSN_ROUTE_LOGIN, PSN_TRAIT_HASHES)
                    .arg("pass", "secret")
                    .evaluate();
                f.observe(200, PSN_OUTCOME_AUTH_FAIL, 100);
            }
    h.clock().advance(std::chrono::hours(24 * 365));
    h.clock().setWall(0);
    (void)h.facts().evaluate();
    h.facts().observe(200);
}

std::string budget(Harness& h) {
    std::vector<double> us;
    for (int i = 0; i < 2'000; ++i) {
        const auto f = h.facts().from("192.0.2." + std::to_string(i % 250));
        const auto start = std::chrono::steady_clock::now();
        (void)f.evaluate();
        us.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
                .count());
        f.observe(200);
    }
    std::sort(us.begin(), us.end());
    char out[96];
    std::snprintf(out, sizeof out, "p50 %.2f us, p99 %.2f us, with the harness's own tables",
                  us[us.size() / 2], us[us.size() * 99 / 100]);
    return out;
}

class TemporaryCopy {
  public:
    explicit TemporaryCopy(const std::string& file) {
        const char* base = std::getenv("TMPDIR");
        directory_ = std::string(base == nullptr ? "/tmp" : base) + "/persona-check-XXXXXX";
        if (::mkdtemp(directory_.data()) == nullptr) fail("no temporary directory to be had");
        path_ = directory_ + "/copy.so";
        std::ifstream in(file, std::ios::binary);
        std::ofstream out(path_, std::ios::binary);
        out << in.rdbuf();
        if (!in || !out) fail("the file cannot be copied");
    }
    ~TemporaryCopy() {
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }
    TemporaryCopy(const TemporaryCopy&) = delete;
    TemporaryCopy& operator=(const TemporaryCopy&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string directory_, path_;
};

}  // namespace

std::vector<Check> conformance(const std::string& path, const std::string& options) {
    std::vector<Check> out;
    const auto run = [&](const std::string& name, const std::function<std::string()>& body) {
        Check c;
        c.name = name;
        try {
            c.detail = body();
            c.ok = true;
        } catch (const std::exception& e) {
            c.detail = e.what();
        } catch (...) {
            c.detail = "something was thrown that is no std::exception";
        }
        out.push_back(c);
        return c.ok;
    };
    std::string kind;
    const bool loads = run("load, create, activate, deactivate, destroy", [&] {
        Harness h(path, options);
        kind = h.kind();
        return kind;
    });
    run("exports one symbol", [&] {
        if (const auto wrong = wrongExports(path); !wrong.empty()) fail(wrong);
        return std::string();
    });
    if (!loads) return out;
    run("options are well described", [&] {
        Harness h(path, options);
        checkOptions(h.entry());
        return std::to_string(optionsOf(h.entry()).count) + " options";
    });
    run("a hundred instances come and go; no thread or descriptor stays", [&] {
        const auto threads = entriesOf("/proc/self/task"), files = entriesOf("/proc/self/fd");
        for (int i = 0; i < 100; ++i) Harness(path, options).close();
        // A thread that was joined can stand in the list for a moment more.
        for (int i = 0; i < 200 && entriesOf("/proc/self/task") > threads; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        if (entriesOf("/proc/self/task") > threads) fail("a thread is left after deactivate");
        if (entriesOf("/proc/self/fd") != files) fail("a descriptor is left after destroy");
        return std::string();
    });
    run("two instances at once", [&] {
        Harness a(path, options), b(path, options);
        a.close();
        if (kind == "heuristic") checkFacts(b);
        return std::string();
    });
    run("two images share nothing", [&] {
        const TemporaryCopy copy(path);
        Harness a(path, options), b(copy.path(), options);
        if (&a.entry() == &b.entry())
            fail("a second copy of the file got the first one's data: build with -fno-gnu-unique");
        return std::string();
    });
    if (kind == "heuristic") {
        run("every request gets a verdict that keeps the contract", [&] {
            Harness h(path, options);
            checkFacts(h);
            return std::string();
        });
        run("time of evaluate()", [&] {
            Harness h(path, options);
            return budget(h);
        });
        return out;
    }
    const auto streams = [&](const std::string& name, void (*body)(Harness&)) {
        run(name, [&] {
            Harness h(path, options);
            body(h);
            return std::string();
        });
    };
    streams("requests, bodies in single octets, bodies over any limit", checkStreams);
    streams("clients that go away; resumes that come too late", checkCancel);
    streams("64 streams at once", checkMany);
    return out;
}

}  // namespace persona::testing
