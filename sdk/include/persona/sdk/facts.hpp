#pragma once

#include <persona/abi/ext/draft/facts.h>

#include <string_view>

#include "text.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// What is known of a request; see psn_facts. State and logs hold its keys alone.
class Facts {
  public:
    Facts(const psn_facts& facts, const psn_stream_api* streams)
        : facts_(facts), streams_(streams) {}
    [[nodiscard]] std::string_view method() const { return view(facts_.method); }
    [[nodiscard]] std::string_view path() const { return view(facts_.path); }
    [[nodiscard]] std::string_view route() const { return view(facts_.route); }
    [[nodiscard]] std::string_view clientAddress() const { return view(facts_.client_address); }
    /// 0: the address itself (or IPv6 /64), 1 and 2: wider prefixes; 0 when there is none.
    [[nodiscard]] std::uint64_t prefixKey(std::size_t i) const {
        return i < 3 ? facts_.prefix_key[i] : 0;
    }
    [[nodiscard]] std::uint64_t accountKey() const { return facts_.account_key; }
    [[nodiscard]] std::uint64_t mailboxKey() const { return facts_.mailbox_key; }
    [[nodiscard]] std::uint64_t domainKey() const { return facts_.domain_key; }
    [[nodiscard]] std::uint64_t originKey() const { return facts_.origin_key; }
    [[nodiscard]] std::uint64_t audienceKey() const { return facts_.audience_key; }
    [[nodiscard]] std::uint64_t sessionKey() const { return facts_.session_key; }
    [[nodiscard]] std::uint64_t agentKey() const { return facts_.agent_key; }
    [[nodiscard]] std::uint32_t sessionClass() const { return facts_.session_class; }
    [[nodiscard]] std::uint32_t routeClass() const { return facts_.route_class; }
    [[nodiscard]] bool isCostly(std::uint32_t traits) const {
        return (facts_.traits & traits) != 0;
    }
    [[nodiscard]] std::uint32_t priority() const { return facts_.priority; }
    [[nodiscard]] bool is(std::uint32_t flags) const { return (facts_.flags & flags) != 0; }
    /// Nobody's guess can hurt it: a known device of the account, or somebody signed in.
    [[nodiscard]] bool isFamiliar() const {
        return is(PSN_FACT_KNOWN_DEVICE) || sessionClass() == PSN_SESSION_SIGNED_IN;
    }
    [[nodiscard]] std::uint32_t credit() const { return facts_.credit; }
    [[nodiscard]] std::uint32_t strikes() const { return facts_.strikes; }
    [[nodiscard]] std::uint32_t weight() const { return facts_.weight; }
    [[nodiscard]] std::int64_t bodyLength() const { return facts_.body_length; }
    [[nodiscard]] std::int64_t nowNs() const { return facts_.now_ns; }
    /// A member of the body or query; empty in observe(), and when there is none.
    [[nodiscard]] std::string_view arg(std::string_view name) const {
        for (std::uint32_t i = 0; i < facts_.arg_count; ++i)
            if (view(facts_.args[i].name) == name) return view(facts_.args[i].value);
        return {};
    }
    /// Empty in a replay, in observe(), and when there is no such field.
    [[nodiscard]] std::string_view header(std::string_view name) const {
        psn_str v{};
        if (facts_.stream == nullptr || streams_ == nullptr) return {};
        return streams_->header(facts_.stream, abi(name), &v) == PSN_OK ? view(v)
                                                                        : std::string_view();
    }
    [[nodiscard]] const psn_facts& raw() const { return facts_; }

  private:
    const psn_facts& facts_;
    const psn_stream_api* streams_;
};

/// What became of it; see psn_outcome.
class Outcome {
  public:
    explicit Outcome(const psn_outcome& outcome) : raw_(outcome) {}
    [[nodiscard]] bool has(std::uint32_t code) const { return (raw_.codes >> code & 1) != 0; }
    [[nodiscard]] bool isRefused() const { return (raw_.flags & PSN_ENDED_REFUSED) != 0; }
    /// Refused by this heuristic's own verdict.
    [[nodiscard]] bool isOwn() const { return (raw_.flags & PSN_ENDED_OWN) != 0; }
    [[nodiscard]] bool isAborted() const { return (raw_.flags & PSN_ENDED_ABORTED) != 0; }
    /// It may have passed, but its client went before anything was answered: what became of it
    /// nobody knows, and it has cost what it costs.
    [[nodiscard]] bool isUnanswered() const {
        return isAborted() && !isRefused() && raw_.status == 0 && raw_.codes == 0;
    }
    [[nodiscard]] const psn_outcome& raw() const { return raw_; }

  private:
    const psn_outcome& raw_;
};

}  // namespace persona::sdk
