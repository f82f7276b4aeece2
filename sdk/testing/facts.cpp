#include <arpa/inet.h>

#include <stdexcept>

#include "fake_host.h"
#include "persona/testing/harness.hpp"

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
    return *this;
}
Facts& Facts::route(std::string label) {
    route_ = std::move(label);
    return *this;
}
Facts& Facts::sessionClass(std::uint32_t level) {
    facts_.session_class = level;
    return *this;
}
Facts& Facts::account(std::string_view address) {
    facts_.account_key = host_->keyOf("account " + std::string(address));
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
Facts& Facts::bodyLength(std::int64_t octets) {
    facts_.body_length = octets;
    return *this;
}

psn_facts Facts::view() const {
    psn_facts f = facts_;
    f.method = abi(method_);
    f.path = abi(path_);
    f.route = abi(route_);
    f.client_address = abi(address_);
    const std::lock_guard<std::mutex> lock(host_->mutex);
    f.now_ns = host_->now_ns;
    return f;
}

Verdict Facts::evaluate() const {
    const auto facts = view();
    psn_verdict v{};
    v.struct_size = sizeof v;
    if (const auto rc = factory_->evaluate(instance_, &facts, &v); rc != PSN_OK)
        throw std::logic_error("evaluate() returned " + std::to_string(rc));
    if (v.kind > PSN_VERDICT_DENY)
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
    return out;
}

void Facts::observe(std::uint32_t status, std::uint32_t code, std::uint32_t cost_us) const {
    if (factory_->observe == nullptr) return;
    const auto facts = view();
    const psn_outcome outcome{sizeof(psn_outcome), status, code, cost_us};
    factory_->observe(instance_, &facts, &outcome);
}

}  // namespace persona::testing
