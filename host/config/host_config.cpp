#include "host/config/host_config.h"

#include <algorithm>

#include "host/net/socket.h"

namespace persona::host::config {

namespace {

constexpr std::int64_t kDay = 86'400'000;

bool isFileName(const std::string& name) {
    return !name.empty() && name.size() <= 64 && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '.' || c == '_' || c == '-';
           });
}

void readLimits(MapReader reader, net::Limits& l) {
    const auto ms = [](std::int64_t v) { return net::milliseconds(v); };
    l.header_bytes =
        static_cast<std::uint32_t>(reader.size("header_bytes", l.header_bytes, 1024, 1 << 20));
    l.header_fields =
        static_cast<std::uint32_t>(reader.integer("header_fields", l.header_fields, 8, 10'000));
    l.body_bytes = static_cast<std::uint64_t>(
        reader.size("body_bytes", static_cast<std::int64_t>(l.body_bytes), 0, 1LL << 40));
    l.header_deadline = ms(reader.duration("header_deadline", l.header_deadline.count(), 50, kDay));
    l.idle_timeout = ms(reader.duration("idle_timeout", l.idle_timeout.count(), 50, kDay));
    l.write_timeout = ms(reader.duration("write_timeout", l.write_timeout.count(), 50, kDay));
    l.body_min_rate =
        static_cast<std::uint32_t>(reader.size("body_min_rate", l.body_min_rate, 0, 1 << 30));
    l.body_grace = ms(reader.duration("body_grace", l.body_grace.count(), 50, kDay));
    l.connections =
        static_cast<std::uint32_t>(reader.integer("connections", l.connections, 1, 1'000'000));
    l.connections_per_address = static_cast<std::uint32_t>(
        reader.integer("connections_per_address", l.connections_per_address, 1, 1'000'000));
    l.requests_per_connection = static_cast<std::uint32_t>(
        reader.integer("requests_per_connection", l.requests_per_connection, 0, 1'000'000'000));
    reader.finish();
}

net::ListenerSettings readListener(MapReader& r) {
    net::ListenerSettings l;
    l.name = r.required("name");
    l.address = r.required("address");
    l.service = r.required("service");
    l.unix_mode = r.mode("unix_mode", 0660);
    l.trusted_proxies = r.list("trusted_proxies");
    l.forwarded_header = r.choice("forwarded_header", "x-forwarded-for",
                                  {"x-forwarded-for", "forwarded"}) == "forwarded"
                             ? net::ForwardedHeader::Forwarded
                             : net::ForwardedHeader::XForwardedFor;
    l.own_authorities = r.list("own_authorities");
    net::SocketAddress address;
    std::string error;
    if (!l.address.empty() && !net::parseSocketAddress(l.address, address, error))
        r.document().problem(r.node()["address"], r.path() + ".address: " + error);
    for (const auto& c : l.trusted_proxies) {
        net::Cidr cidr;
        if (c != "unix" && !net::Cidr::parse(c, cidr))
            r.document().problem(
                r.node()["trusted_proxies"],
                r.path() +
                    ".trusted_proxies: expected unix or a network such as 10.0.0.0/8, got \"" + c +
                    "\"");
    }
    readLimits(r.child("limits"), l.limits);
    if (r.has("tls")) {
        auto t = r.child("tls");
        net::TlsServerSettings s;
        s.certificate_file = t.required("certificate_file");
        s.key_file = t.required("key_file");
        s.client_ca_file = t.text("client_ca_file", "");
        t.finish();
        l.tls = s;
    } else {
        r.child("tls");
    }
    r.finish();
    return l;
}

void readUpstream(MapReader& r, HostConfig& config) {
    net::UpstreamSettings u;
    u.name = r.required("name");
    u.addresses = r.list("addresses");
    if (const auto one = r.text("address", ""); !one.empty()) u.addresses.push_back(one);
    const auto ms = [](std::int64_t v) { return net::milliseconds(v); };
    u.connect_timeout = ms(r.duration("connect_timeout", u.connect_timeout.count(), 10, kDay));
    u.first_byte_timeout =
        ms(r.duration("first_byte_timeout", u.first_byte_timeout.count(), 10, kDay));
    u.total_timeout = ms(r.duration("total_timeout", u.total_timeout.count(), 10, kDay));
    u.idle_timeout = ms(r.duration("idle_timeout", u.idle_timeout.count(), 10, kDay));
    u.max_connections =
        static_cast<std::uint32_t>(r.integer("max_connections", u.max_connections, 1, 100'000));
    u.max_queue = static_cast<std::uint32_t>(r.integer("max_queue", u.max_queue, 0, 1'000'000));
    u.eject_after = static_cast<std::uint32_t>(r.integer("eject_after", u.eject_after, 1, 1'000));
    u.ejection = ms(r.duration("ejection", u.ejection.count(), 10, kDay));
    u.slow_start = ms(r.duration("slow_start", u.slow_start.count(), 0, kDay));
    u.health_path = r.text("health_path", u.health_path);
    u.health_interval = ms(r.duration("health_interval", u.health_interval.count(), 0, kDay));
    if (r.has("tls")) {
        auto t = r.child("tls");
        net::TlsClientSettings s;
        s.ca_file = t.text("ca_file", "");
        s.certificate_file = t.text("certificate_file", "");
        s.key_file = t.text("key_file", "");
        s.server_name = t.text("server_name", "");
        t.finish();
        u.tls = s;
    } else {
        r.child("tls");
    }
    r.finish();
    if (u.addresses.empty())
        return r.document().problem(r.node(),
                                    r.path() + ": an upstream needs `address` or `addresses`");
    const bool inproc = u.addresses.front().starts_with("inproc:");
    for (const auto& a : u.addresses)
        if (!a.starts_with("inproc:") && !a.starts_with("unix:/") && !a.starts_with("http://") &&
            !a.starts_with("https://"))
            r.document().problem(r.node(), r.path() +
                                               ": expected http://HOST:PORT, https://..., "
                                               "unix:/path or inproc:SERVICE, got \"" +
                                               a + "\"");
    if (inproc && u.addresses.size() > 1)
        return r.document().problem(r.node(), r.path() + ": inproc: stands alone");
    if (inproc)
        config.inproc[u.name] = u.addresses.front().substr(7);
    else
        config.engine.upstreams.push_back(u);
}

FilterSettings readFilter(MapReader& r) {
    FilterSettings f;
    f.path = r.path();
    f.id = r.required("id");
    f.builtin = r.choice("builtin", "", {"", "access-log", "statsd"});
    f.module = r.text("module", "");
    if (f.builtin.empty() == f.module.empty())
        r.document().problem(r.node(), r.path() + ": a filter has either `builtin` or `module`");
    if (!f.module.empty() && !r.has("on_error"))
        r.document().problem(r.node(), r.path() +
                                           ": `on_error: allow` or `on_error: deny` must be "
                                           "written for a filter from a module");
    f.deny_on_error = r.choice("on_error", "deny", {"allow", "deny"}) == "deny";
    f.pause_deadline_ms = r.duration("pause_deadline", 250, 1, kDay);
    f.budget_us = r.microseconds("budget", f.budget_us, 1, 10'000'000);
    f.options = r.raw("config");
    r.finish();
    return f;
}

HeuristicSettings readHeuristic(MapReader& r) {
    HeuristicSettings h;
    h.path = r.path();
    h.id = r.required("id");
    h.module = r.required("module");
    if (!r.has("on_error"))
        r.document().problem(r.node(),
                             r.path() + ": `on_error: allow` or `on_error: deny` must be written");
    h.deny_on_error = r.choice("on_error", "allow", {"allow", "deny"}) == "deny";
    h.budget_us = r.microseconds("budget", h.budget_us, 1, 10'000'000);
    h.options = r.raw("config");
    r.finish();
    return h;
}

GenerationSettings readGenerations(MapReader r) {
    GenerationSettings g;
    g.drain_timeout_ms = r.duration("drain_timeout", g.drain_timeout_ms, 0, kDay);
    g.watch_ms = r.duration("watch", g.watch_ms, 0, kDay);
    g.smoke_deadline_ms = r.duration("smoke_deadline", g.smoke_deadline_ms, 10, kDay);
    g.shadow_ms = r.duration("shadow", g.shadow_ms, 0, kDay);
    g.auto_rollback = r.boolean("auto_rollback", g.auto_rollback);
    g.smoke = r.boolean("smoke", g.smoke);
    g.watch_plugins = r.boolean("watch_plugins", g.watch_plugins);
    r.finish();
    return g;
}

SharedStateSettings readSharedState(MapReader r) {
    SharedStateSettings s;
    s.path = r.path();
    s.module = r.text("module", "");
    s.period_ms = r.duration("period", s.period_ms, 10, 60'000);
    s.deadline_ms = r.duration("deadline", s.deadline_ms, 1, 60'000);
    auto tables = r.child("tables");
    for (const auto& entry : tables.node()) {
        const auto name = entry.first.Scalar();
        s.tables[name] = tables.choice(name, "whole", {"half", "whole"});
    }
    tables.finish();
    if (s.tables.empty())
        s.tables = {{"antiabuse.prefixes", "whole"},
                    {"challenge.spent", "whole"},
                    {"login.tries", "half"},
                    {"mail.sent", "half"}};
    s.options = r.raw("config");
    r.finish();
    return s;
}

ServiceSettings readService(MapReader& r) {
    ServiceSettings s;
    s.path = r.path();
    s.id = r.required("id");
    s.module = r.required("module");
    s.depends_on = r.list("depends_on");
    s.options = r.raw("config");
    for (auto& f : r.children("filters")) s.filters.push_back(readFilter(f));
    r.finish();
    return s;
}

template <typename T, typename Name>
void uniqueNames(Document& d, const std::vector<T>& items, const char* what, Name name) {
    std::set<std::string> seen;
    for (const auto& i : items)
        if (!seen.insert(name(i)).second)
            d.problem(d.root(), std::string(what) + " '" + name(i) + "' is named twice");
}

/// What refers to a name that is not there, found before anything starts.
void checkReferences(Document& d, const HostConfig& c) {
    const auto isService = [&](const std::string& id) {
        return std::any_of(c.services.begin(), c.services.end(),
                           [&](const auto& s) { return s.id == id; });
    };
    for (const auto& l : c.engine.listeners)
        if (!l.service.empty() && !isService(l.service))
            d.problem(d.root()["listeners"],
                      "listener '" + l.name + "': no service '" + l.service + "' under services");
    for (const auto& [name, service] : c.inproc)
        if (!isService(service))
            d.problem(d.root()["upstreams"],
                      "upstream '" + name + "': no service '" + service + "' under services");
    const auto isUpstream = [&](const std::string& name) {
        return c.inproc.count(name) != 0 ||
               std::any_of(c.engine.upstreams.begin(), c.engine.upstreams.end(),
                           [&](const auto& u) { return u.name == name; });
    };
    for (const auto& s : c.services)
        for (const auto& n : s.depends_on)
            if (!isUpstream(n))
                d.problem(d.root()["services"], s.path + ".depends_on: no upstream '" + n + "'");
    const auto isLoopback = [](const std::string& address) {
        net::SocketAddress a;
        std::string error;
        if (!net::parseSocketAddress(address, a, error)) return true;
        const auto host = a.host();
        return host == "unix" || host.starts_with("127.") || host == "::1";
    };
    if (c.test_open_roles)
        for (const auto& l : c.engine.listeners)
            if (!isLoopback(l.address))
                d.problem(d.root()["test_open_roles"], "test_open_roles: refused while listener '" +
                                                           l.name +
                                                           "' is not on a loopback address");
    if (!c.admin_address.empty() && !isLoopback(c.admin_address))
        d.problem(d.root()["admin"],
                  "admin.address: expected a loopback address or unix:/path, got \"" +
                      c.admin_address + "\"");
}

}  // namespace

const std::set<std::string>& topLevelKeys() {
    static const std::set<std::string> kKeys{
        "process",     "state_dir",   "plugin_dir", "loops",    "drain_timeout",    "pid_file",
        "log",         "access_log",  "statsd",     "admin",    "test_open_roles",  "common",
        "executors",   "listeners",   "upstreams",  "services", "modules_maturity", "outbound",
        "heuristics",  "generations", "watchdog",   "tables",   "thread_check",     "lockdown",
        "shared_state"};
    return kKeys;
}

HostConfig readHostConfig(Document& document, const std::string& default_plugin_dir) {
    HostConfig c;
    MapReader r(document, document.root(), "");
    c.process = r.text("process", "persona");
    if (!isFileName(c.process))
        document.problem(document.root()["process"],
                         "process: expected 1 to 64 letters, digits, '.', '_' or '-', not "
                         "beginning with '.': it goes into the names of files; got \"" +
                             c.process + "\"");
    c.state_dir = r.text("state_dir", "var");
    c.plugin_dir = r.text("plugin_dir", default_plugin_dir);
    if (c.plugin_dir.empty()) c.plugin_dir = default_plugin_dir;
    c.pid_file = r.text("pid_file", "");
    c.lockdown = r.boolean("lockdown", false);
    c.engine.loops = static_cast<std::uint32_t>(r.integer("loops", 0, 0, 256));
    c.engine.drain_timeout = net::milliseconds(r.duration("drain_timeout", 30'000, 0, kDay));
    auto outbound = r.child("outbound");
    c.engine.outbound.ca_file = outbound.text("ca_file", "");
    c.engine.outbound.system_too = true;
    outbound.finish();
    auto log = r.child("log");
    c.log_level = log.choice("level", "info", {"trace", "debug", "info", "warn", "error"});
    c.log_file = log.text("file", "");
    c.log_format = log.choice("format", "text", {"text", "json"});
    log.finish();
    auto access = r.child("access_log");
    c.access_log_file = access.text("file", "");
    access.finish();
    auto statsd = r.child("statsd");
    c.statsd_enabled = statsd.boolean("enabled", false);
    c.statsd_address = statsd.text("address", "127.0.0.1:8125");
    statsd.finish();
    auto admin = r.child("admin");
    c.admin_address = admin.text("address", "");
    c.admin_socket = admin.text("socket", "");
    c.admin_socket_mode = admin.mode("socket_mode", c.admin_socket_mode);
    admin.finish();
    c.lowest_maturity = r.choice("modules_maturity", "beta", {"stable", "beta", "experimental"});
    c.test_open_roles = r.boolean("test_open_roles", false);
    c.thread_check = r.boolean("thread_check", false);
    auto watchdog = r.child("watchdog");
    c.watchdog_warn_ms = watchdog.duration("warn", c.watchdog_warn_ms, 10, kDay);
    c.watchdog_abort_ms = watchdog.duration("abort", c.watchdog_abort_ms, 0, kDay);
    watchdog.finish();
    auto tables = r.child("tables");
    c.snapshot_interval_ms = tables.duration("snapshot_interval", c.snapshot_interval_ms, 0, kDay);
    tables.finish();
    c.generations = readGenerations(r.child("generations"));
    c.shared_state = readSharedState(r.child("shared_state"));
    for (auto& h : r.children("heuristics")) c.heuristics.push_back(readHeuristic(h));
    c.common = r.raw("common");
    bool has_default = false;
    for (auto& [name, e] : r.named("executors")) {
        ExecutorSettings s;
        s.name = name;
        s.threads = e.integer("threads", s.threads, 1, 1024);
        s.nice = e.integer("nice", s.nice, 0, 19);
        s.queue = e.integer("queue", s.queue, 1, 1'000'000);
        s.deadline_ms = e.duration("deadline", s.deadline_ms, 1, kDay);
        e.finish();
        has_default = has_default || name == "default";
        c.executors.push_back(s);
    }
    if (!has_default) {
        c.executors.emplace_back();
        c.executors.back().name = "default";
    }
    for (auto& l : r.children("listeners")) c.engine.listeners.push_back(readListener(l));
    for (auto& u : r.children("upstreams")) readUpstream(u, c);
    for (auto& s : r.children("services")) c.services.push_back(readService(s));
    r.finish();
    if (c.services.empty() && document.problems().empty())
        document.problem(document.root(), "services: nothing to serve; name at least one");
    uniqueNames(document, c.engine.listeners, "listener", [](const auto& l) { return l.name; });
    uniqueNames(document, c.engine.upstreams, "upstream", [](const auto& u) { return u.name; });
    uniqueNames(document, c.services, "service", [](const auto& s) { return s.id; });
    uniqueNames(document, c.heuristics, "heuristic", [](const auto& h) { return h.id; });
    for (const auto& s : c.services)
        uniqueNames(document, s.filters, "filter", [](const auto& f) { return f.id; });
    checkReferences(document, c);
    return c;
}

}  // namespace persona::host::config
