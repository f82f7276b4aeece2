#pragma once

#include <persona/abi/ext/draft/heuristic.h>
#include <persona/abi/ext/draft/heuristics.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "facts.hpp"
#include "guard.hpp"
#include "host.hpp"
#include "verdict.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// A challenge that is put to a client.
struct Challenge {
    std::string header, body;  ///< of BID-Challenge; JSON
    std::uint32_t retry_after_ms = 1'000;
};

/// Base of a heuristic. Derive, implement evaluate, name the class in PSN_HEURISTIC_PLUGIN.
/// `static constexpr std::uint32_t kRoutes` and kFacts in the derived class limit what it is asked
/// about.
class Heuristic {
  public:
    static constexpr std::uint32_t kRoutes = 0;      ///< bits 1 << PSN_ROUTE_*; 0: all
    static constexpr std::uint32_t kFacts = 0;       ///< bits PSN_FACT_*, one of which is there
    static constexpr bool kMakesChallenges = false;  ///< true: challenge() is called
    Heuristic(const psn_host* host, const psn_config* config)
        : host(host),
          config(host, config),
          streams(
              static_cast<const psn_stream_api*>(host->get_extension(host, abi(PSN_STREAM_ID)))) {}
    virtual ~Heuristic() = default;
    Heuristic(const Heuristic&) = delete;
    Heuristic& operator=(const Heuristic&) = delete;
    virtual void activate() {}    ///< [control] may throw
    virtual void deactivate() {}  ///< [control]
    /// [control] Of kRoutes, those that its options leave it anything to say about.
    [[nodiscard]] virtual std::uint32_t routes() const { return ~0U; }
    /// [loop] Prefetches what evaluate() will look at; called when it is hidden.
    void prepare(const Facts&) const {}
    /// [loop] Pure and quick; on several loops at once.
    virtual Verdict evaluate(const Facts& facts) = 0;
    /// [loop] After the answer, once for each evaluate() that did not throw. Facts without texts.
    virtual void observe(const Facts&, const Outcome&) {}
    /// [loop] The challenge that is asked for; empty: none for this client.
    virtual std::optional<Challenge> challenge(const Facts&, const psn_verdict& /*wanted*/) {
        return std::nullopt;
    }
    /// [control] A word of the operator; JSON, or empty for a word that is not known.
    virtual std::optional<std::string> command(std::string_view /*words*/) { return std::nullopt; }

    const Host host;
    const Config config;
    const psn_stream_api* const streams;
};

/// Trampolines of a Heuristic class T with `static std::vector<psn_option> options()`.
template <typename T>
struct HeuristicFactory : InstanceFactory<T> {
    using InstanceFactory<T>::self;
    static psn_rc evaluate(psn_instance* i, const psn_facts* facts, psn_verdict* out) noexcept {
        return barrier(i, [&] { *out = self(i).evaluate(Facts(*facts, self(i).streams)).raw(); });
    }
    static void prepare(psn_instance* i, const psn_facts* facts) noexcept {
        barrier(i, [&] { self(i).prepare(Facts(*facts, nullptr)); });
    }
    static std::uint32_t routesOf(psn_instance* i) noexcept {
        std::uint32_t bits = ~0U;
        barrier(i, [&] { bits = self(i).routes(); });
        return bits;
    }
    static void observe(psn_instance* i, const psn_facts* facts,
                        const psn_outcome* outcome) noexcept {
        barrier(i, [&] { self(i).observe(Facts(*facts, nullptr), Outcome(*outcome)); });
    }
    static psn_rc challenge(psn_instance* i, const psn_facts* facts, const psn_verdict* wanted,
                            psn_challenge* out) noexcept {
        bool made = false;
        const auto rc = barrier(i, [&] {
            thread_local Challenge kept;
            auto c = self(i).challenge(Facts(*facts, self(i).streams), *wanted);
            if (!c) return;
            made = true;
            kept = std::move(*c);
            *out = {sizeof *out, kept.retry_after_ms, abi(kept.header), abi(kept.body)};
        });
        return rc == PSN_OK && !made ? PSN_NOT_FOUND : rc;
    }
    static psn_rc command(psn_instance* i, psn_str words, void (*say)(void*, psn_str),
                          void* user) noexcept {
        bool known = false;
        const auto rc = barrier(i, [&] {
            const auto answer = self(i).command(view(words));
            if (!answer) return;
            known = true;
            say(user, abi(*answer));
        });
        return rc == PSN_OK && !known ? PSN_NOT_FOUND : rc;
    }
    static const void* get(psn_str id) noexcept {
        if (view(id) != PSN_HEURISTIC_ID) return nullptr;
        try {
            static const std::vector<psn_option> kOptions = T::options();
            constexpr bool kPrepares =
                !std::is_same<decltype(&T::prepare), decltype(&Heuristic::prepare)>::value;
            static const psn_heuristic_factory kFactory{sizeof(psn_heuristic_factory),
                                                        static_cast<std::uint32_t>(kOptions.size()),
                                                        kOptions.data(),
                                                        InstanceFactory<T>::create,
                                                        InstanceFactory<T>::activate,
                                                        InstanceFactory<T>::deactivate,
                                                        InstanceFactory<T>::destroy,
                                                        evaluate,
                                                        observe,
                                                        T::kRoutes,
                                                        T::kFacts,
                                                        T::kMakesChallenges ? challenge : nullptr,
                                                        command,
                                                        routesOf,
                                                        kPrepares ? prepare : nullptr};
            return &kFactory;
        } catch (...) {
            return nullptr;
        }
    }

  private:
    template <typename F>
    static psn_rc barrier(psn_instance* i, F&& f) noexcept {
        try {
            f();
            return PSN_OK;
        } catch (const std::exception& e) {
            self(i).host.error(std::string_view(e.what()));
        } catch (...) {
            self(i).host.error("something was thrown that is no std::exception");
        }
        return PSN_FAIL;
    }
};

}  // namespace persona::sdk

/// The entry of a plugin with one heuristic.
#define PSN_HEURISTIC_PLUGIN(CLASS, MANIFEST) \
    PSN_PLUGIN_ENTRY(persona::sdk::HeuristicFactory<CLASS>::get, MANIFEST)
