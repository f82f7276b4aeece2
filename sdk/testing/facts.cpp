#include <arpa/inet.h>

#include <stdexcept>

#include "fake_host.h"
#include "fake_stream.h"
#include "persona/testing/facts.hpp"

namespace persona::testing {

namespace {

psn_str abi(const std::string& s) {
    return {s.data(), s.size()};
}

}  // namespace

Facts::Facts(FakeHost& host, const psn_heuristic_factory* factory, psn_instance* instance)
    : host_(&host), factory_(factory), instance_(instance) {
    facts_.struct_size = sizeof facts_;
    facts_.body_length = 0;
    from(address_);
}

Facts& Facts::from(std::string address) {
    unsigned char octets[16];
    const auto key = [&](std::size_t bits) {
        return host_->keyOf(std::to_string(bits) +
                            std::string(reinterpret_cast<const char*>(octets), bits / 8));
    };
    if (::inet_pton(AF_INET, address.c_str(), octets) == 1) {
        facts_.prefix_key[0] = key(32);
        facts_.prefix_key[1] = key(24);
        facts_.prefix_key[2] = 0;
    } else if (::inet_pton(AF_INET6, address.c_str(), octets) == 1) {
        facts_.prefix_key[0] = key(64);
        facts_.prefix_key[1] = key(56);
        facts_.prefix_key[2] = key(48);
    } else {
        throw std::invalid_argument("not an IP address: " + address);
    }
    address_ = std::move(address);
    return *this;
}

Facts& Facts::method(std::string name) {
    method_ = std::move(name);
    return *this;
}
Facts& Facts::path(std::string path) {
    path_ = std::move(path);
    facts_.path_key = host_->keyOf("path " + path_);
    return *this;
}
Facts& Facts::query(std::string_view text) {
    facts_.query_key = text.empty() ? 0 : host_->keyOf("query " + std::string(text));
    return *this;
}
Facts& Facts::route(std::string label) {
    route_ = std::move(label);
    return *this;
}
Facts& Facts::routeClass(std::uint32_t route, std::uint32_t traits) {
    facts_.route_class = route;
    facts_.traits = traits;
    return *this;
}
Facts& Facts::sessionClass(std::uint32_t level) {
    facts_.session_class = level;
    return *this;
}
Facts& Facts::priority(std::uint32_t level) {
    facts_.priority = level;
    return *this;
}
Facts& Facts::flags(std::uint32_t flags) {
    facts_.flags = flags;
    return *this;
}
Facts& Facts::credit(std::uint32_t accounts) {
    facts_.credit = accounts;
    return *this;
}
Facts& Facts::strikes(std::uint32_t number) {
    facts_.strikes = number;
    return *this;
}
Facts& Facts::weight(std::uint32_t sum) {
    facts_.weight = sum;
    return *this;
}
Facts& Facts::account(std::string_view address) {
    facts_.account_key = host_->keyOf("account " + std::string(address));
    return mailbox(address);
}
Facts& Facts::mailbox(std::string_view address) {
    facts_.mailbox_key = host_->keyOf("mailbox " + std::string(address));
    return *this;
}
Facts& Facts::domain(std::string_view name) {
    facts_.domain_key = host_->keyOf("domain " + std::string(name));
    return *this;
}
Facts& Facts::origin(std::string_view url) {
    facts_.origin_key = host_->keyOf("origin " + std::string(url));
    return *this;
}
Facts& Facts::audience(std::string_view url) {
    facts_.audience_key = host_->keyOf("audience " + std::string(url));
    return *this;
}
Facts& Facts::session(std::string_view id) {
    facts_.session_key = host_->keyOf("session " + std::string(id));
    return *this;
}
Facts& Facts::agent(std::string_view fields) {
    facts_.agent_key = host_->keyOf("agent " + std::string(fields));
    return *this;
}
Facts& Facts::bodyLength(std::int64_t octets) {
    facts_.body_length = octets;
    return *this;
}
Facts& Facts::arg(std::string name, std::string value) {
    args_.emplace_back(std::move(name), std::move(value));
    return *this;
}
Facts& Facts::body(std::string text) {
    body_ = std::move(text);
    return bodyLength(static_cast<std::int64_t>(body_.size()));
}
Facts& Facts::header(std::string name, std::string value) {
    if (!stream_) stream_ = std::make_shared<psn_stream>();
    stream_->request_headers.emplace_back(std::move(name), std::move(value));
    return *this;
}

psn_facts Facts::view(std::vector<psn_header>& args) const {
    psn_facts f = facts_;
    f.method = abi(method_);
    f.path = abi(path_);
    f.route = abi(route_);
    f.client_address = abi(address_);
    f.body = abi(body_);
    f.stream = stream_.get();
    for (const auto& [name, value] : args_) args.push_back({abi(name), abi(value)});
    f.args = args.data();
    f.arg_count = static_cast<std::uint32_t>(args.size());
    const std::lock_guard<std::mutex> lock(host_->mutex);
    f.now_ns = host_->now_ns;
    return f;
}

Verdict Facts::evaluate() const {
    std::vector<psn_header> args;
    const auto facts = view(args);
    psn_verdict v{};
    v.struct_size = sizeof v;
    if (const auto rc = factory_->evaluate(instance_, &facts, &v); rc != PSN_OK)
        throw std::logic_error("evaluate() returned " + std::to_string(rc));
    if (v.kind > PSN_VERDICT_DROP)
        throw std::logic_error("a verdict of unknown kind " + std::to_string(v.kind));
    if (v.weight > 1000) throw std::logic_error("a weight over 1000");
    if (v.kind > PSN_VERDICT_ALLOW && v.reason.n == 0)
        throw std::logic_error("a verdict that hinders needs a reason");
    for (std::size_t i = 0; i < v.reason.n; ++i) {
        const char c = v.reason.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'))
            throw std::logic_error("a reason has [a-z0-9_.-] alone");
    }
    Verdict out;
    out.kind = v.kind;
    out.weight = v.weight;
    out.delay_ms = v.delay_ms;
    out.retry_after_ms = v.retry_after_ms;
    out.level = v.level;
    if (v.reason.n != 0) out.reason.assign(v.reason.p, v.reason.n);
    out.key = v.key;
    out.budget = v.budget;
    out.observed = v.observed;
    out.window_ms = v.window_ms;
    out.box_ms = v.box_ms;
    out.grants = v.grants;
    out.hints = v.hints;
    out.challenge_kind = v.challenge_kind;
    if (v.set_cookie.n != 0) out.set_cookie.assign(v.set_cookie.p, v.set_cookie.n);
    return out;
}

void Facts::observe(std::uint32_t status, std::uint32_t code, std::uint32_t cost_us) const {
    psn_outcome outcome{};
    outcome.status = status;
    outcome.code = code;
    outcome.codes = code == PSN_OUTCOME_NONE ? 0 : 1ULL << code;
    outcome.cost_us = cost_us;
    outcome.queue_us = ~0U;
    outcome.flags = (status == 0 ? PSN_ENDED_ABORTED : 0U) | PSN_ENDED_ACTING;
    observe(outcome);
}

void Facts::observe(psn_outcome outcome) const {
    if (factory_->observe == nullptr) return;
    std::vector<psn_header> args;
    auto facts = view(args);
    // As the host does it: what is a view of the request is gone.
    facts.method = facts.path = facts.client_address = facts.body = {};
    facts.args = nullptr;
    facts.arg_count = 0;
    facts.stream = nullptr;
    outcome.struct_size = sizeof outcome;
    factory_->observe(instance_, &facts, &outcome);
}

std::optional<Challenge> Facts::challenge(const psn_verdict& wanted) const {
    if (factory_->challenge == nullptr) return std::nullopt;
    std::vector<psn_header> args;
    const auto facts = view(args);
    psn_challenge c{};
    c.struct_size = sizeof c;
    const auto rc = factory_->challenge(instance_, &facts, &wanted, &c);
    if (rc == PSN_NOT_FOUND) return std::nullopt;
    if (rc != PSN_OK) throw std::logic_error("challenge() returned " + std::to_string(rc));
    const auto text = [](psn_str v) { return v.n == 0 ? std::string() : std::string(v.p, v.n); };
    return Challenge{text(c.header), text(c.body), c.retry_after_ms};
}

}  // namespace persona::testing
