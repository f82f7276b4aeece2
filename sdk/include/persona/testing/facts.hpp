#pragma once

#include <persona/abi/ext/draft/heuristic.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::testing {

using Headers = std::vector<std::pair<std::string, std::string>>;

class FakeHost;

/// What a heuristic said; see psn_verdict.
struct Verdict {
    std::uint32_t kind = PSN_VERDICT_ABSTAIN, weight = 0, delay_ms = 0, retry_after_ms = 0,
                  level = 0;
    std::string reason;
    std::uint64_t key = 0;
    std::uint32_t budget = 0, observed = 0, window_ms = 0, box_ms = 0, grants = 0, hints = 0,
                  challenge_kind = 0;
    std::string set_cookie;
};

/// A challenge that it made.
struct Challenge {
    std::string header, body;
    std::uint32_t retry_after_ms = 0;
};

/// A request as a heuristic sees it; every setter returns the builder. Keys are hashes of what is
/// given here, the same in every harness.
class Facts {
  public:
    Facts(FakeHost& host, const psn_heuristic_factory* factory, psn_instance* instance);
    Facts& from(std::string address);  ///< textual IP; its prefix keys follow from it
    Facts& method(std::string name);
    Facts& path(std::string path);
    Facts& query(std::string_view text);
    /// "wsapi.stage_user"; the class of the route is said apart.
    Facts& route(std::string label);
    Facts& routeClass(std::uint32_t route, std::uint32_t traits = 0);
    Facts& sessionClass(std::uint32_t level);  ///< PSN_SESSION_*
    Facts& priority(std::uint32_t level);
    Facts& flags(std::uint32_t flags);  ///< PSN_FACT_*, all of them
    Facts& credit(std::uint32_t accounts);
    Facts& strikes(std::uint32_t number);
    Facts& weight(std::uint32_t sum);
    Facts& account(std::string_view address);  ///< the keyed hash that stands for it; mailbox too
    Facts& mailbox(std::string_view address);
    Facts& domain(std::string_view name);
    Facts& origin(std::string_view url);
    Facts& audience(std::string_view url);
    Facts& session(std::string_view id);
    Facts& agent(std::string_view fields);
    Facts& bodyLength(std::int64_t octets);
    Facts& arg(std::string name, std::string value);
    Facts& body(std::string text);
    Facts& header(std::string name, std::string value);
    /// Throws std::logic_error when the plugin broke the contract (unknown kind, no reason, ...).
    [[nodiscard]] Verdict evaluate() const;
    void observe(std::uint32_t status, std::uint32_t code = 0, std::uint32_t cost_us = 0) const;
    /// struct_size is set here.
    void observe(psn_outcome outcome) const;
    /// What it answers when this is asked for; empty: nothing.
    [[nodiscard]] std::optional<Challenge> challenge(const psn_verdict& wanted) const;
    /// Keys that the facts have, to compare a verdict's with.
    [[nodiscard]] const psn_facts& raw() const { return facts_; }

  private:
    [[nodiscard]] psn_facts view(std::vector<psn_header>& args) const;
    FakeHost* host_;
    const psn_heuristic_factory* factory_;
    psn_instance* instance_;
    psn_facts facts_{};
    std::string address_ = "192.0.2.1", method_ = "GET", path_ = "/", route_, body_;
    Headers args_;
    std::shared_ptr<psn_stream> stream_;
};

}  // namespace persona::testing
