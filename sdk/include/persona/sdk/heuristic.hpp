#pragma once

#include <persona/abi/ext/draft/heuristic.h>
#include <persona/abi/ext/draft/heuristics.h>

#include <string_view>
#include <vector>

#include "guard.hpp"
#include "host.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// What is known of a request. Never a raw e-mail address; the client's address is for rules about
/// addresses alone and belongs in no log.
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
    [[nodiscard]] std::uint64_t domainKey() const { return facts_.domain_key; }
    [[nodiscard]] std::uint64_t originKey() const { return facts_.origin_key; }
    [[nodiscard]] std::uint32_t sessionClass() const { return facts_.session_class; }
    [[nodiscard]] std::int64_t bodyLength() const { return facts_.body_length; }
    [[nodiscard]] std::int64_t nowNs() const { return facts_.now_ns; }
    /// Empty in a replay, and when there is no such field.
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

/// What a heuristic thinks. Reasons are literals of [a-z0-9_.-].
class Verdict {
  public:
    static Verdict abstain() { return Verdict(PSN_VERDICT_ABSTAIN, ""); }
    static Verdict allow(std::string_view reason) { return Verdict(PSN_VERDICT_ALLOW, reason); }
    static Verdict tag(std::uint32_t weight, std::string_view reason) {
        return Verdict(PSN_VERDICT_TAG, reason).weighing(weight);
    }
    static Verdict delay(std::uint32_t ms, std::string_view reason) {
        Verdict v(PSN_VERDICT_DELAY, reason);
        v.raw_.delay_ms = ms;
        return v;
    }
    static Verdict challenge(std::uint32_t level, std::string_view reason) {
        Verdict v(PSN_VERDICT_CHALLENGE, reason);
        v.raw_.level = level;
        return v;
    }
    static Verdict throttle(std::uint32_t retry_after_ms, std::string_view reason) {
        Verdict v(PSN_VERDICT_THROTTLE, reason);
        v.raw_.retry_after_ms = retry_after_ms;
        return v;
    }
    static Verdict shed(std::uint32_t retry_after_ms, std::string_view reason) {
        Verdict v(PSN_VERDICT_SHED, reason);
        v.raw_.retry_after_ms = retry_after_ms;
        return v;
    }
    static Verdict deny(std::string_view reason) { return Verdict(PSN_VERDICT_DENY, reason); }
    Verdict weighing(std::uint32_t weight) const {
        Verdict v = *this;
        v.raw_.weight = weight;
        return v;
    }
    [[nodiscard]] const psn_verdict& raw() const { return raw_; }

  private:
    Verdict(std::uint32_t kind, std::string_view reason) {
        raw_.struct_size = sizeof raw_;
        raw_.kind = kind;
        raw_.reason = abi(reason);
    }
    psn_verdict raw_{};
};

/// Base of a heuristic. Derive, implement evaluate, name the class in PSN_HEURISTIC_PLUGIN.
class Heuristic {
  public:
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
    /// [loop] Pure and quick; on several loops at once.
    virtual Verdict evaluate(const Facts& facts) = 0;
    /// [loop] After the answer.
    virtual void observe(const Facts&, const psn_outcome&) {}

    const Host host;
    const Config config;
    const psn_stream_api* const streams;
};

/// Trampolines of a Heuristic class T with `static std::vector<psn_option> options()`.
template <typename T>
struct HeuristicFactory : InstanceFactory<T> {
    using InstanceFactory<T>::self;
    static psn_rc evaluate(psn_instance* i, const psn_facts* facts, psn_verdict* out) noexcept {
        try {
            *out = self(i).evaluate(Facts(*facts, self(i).streams)).raw();
            return PSN_OK;
        } catch (const std::exception& e) {
            self(i).host.error(std::string_view(e.what()));
        } catch (...) {
            self(i).host.error("something was thrown that is no std::exception");
        }
        return PSN_FAIL;
    }
    static void observe(psn_instance* i, const psn_facts* facts,
                        const psn_outcome* outcome) noexcept {
        guarded(nullptr, [&] { self(i).observe(Facts(*facts, self(i).streams), *outcome); });
    }
    static const void* get(psn_str id) noexcept {
        if (view(id) != PSN_HEURISTIC_ID) return nullptr;
        try {
            static const std::vector<psn_option> kOptions = T::options();
            static const psn_heuristic_factory kFactory{sizeof(psn_heuristic_factory),
                                                        static_cast<std::uint32_t>(kOptions.size()),
                                                        kOptions.data(),
                                                        InstanceFactory<T>::create,
                                                        InstanceFactory<T>::activate,
                                                        InstanceFactory<T>::deactivate,
                                                        InstanceFactory<T>::destroy,
                                                        evaluate,
                                                        observe};
            return &kFactory;
        } catch (...) {
            return nullptr;
        }
    }
};

}  // namespace persona::sdk

/// The entry of a plugin with one heuristic.
#define PSN_HEURISTIC_PLUGIN(CLASS, MANIFEST) \
    PSN_PLUGIN_ENTRY(persona::sdk::HeuristicFactory<CLASS>::get, MANIFEST)
