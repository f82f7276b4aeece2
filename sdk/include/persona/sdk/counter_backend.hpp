#pragma once

#include <persona/abi/ext/draft/counter_backend.h>

#include <string_view>
#include <vector>

#include "guard.hpp"
#include "host.hpp"

/// Draft, as the interface below it: may still change.
namespace persona::sdk {

/// Base of a backend for shared counters. Derive, implement exchange, name the class in
/// PSN_COUNTER_BACKEND_PLUGIN; the class has `static std::vector<psn_option> options()`.
class CounterBackend {
  public:
    CounterBackend(const psn_host* h, const psn_config* c) : host(h), config(h, c) {}
    virtual ~CounterBackend() = default;
    CounterBackend(const CounterBackend&) = delete;
    CounterBackend& operator=(const CounterBackend&) = delete;
    virtual void activate() {}    ///< [control] may throw
    virtual void deactivate() {}  ///< [control]
    /// See psn.counter-backend; throws to say what went wrong. One thread, within the deadline.
    virtual void exchange(psn_shared_exchange& exchange, std::uint32_t deadline_ms) = 0;

    const Host host;
    const Config config;
};

template <typename T>
struct CounterBackendFactory : InstanceFactory<T> {
    static psn_rc exchange(psn_instance* i, psn_shared_exchange* e, std::uint32_t deadline_ms,
                           psn_err* err) noexcept {
        return guarded(err, [&] { InstanceFactory<T>::self(i).exchange(*e, deadline_ms); });
    }
    static const void* get(psn_str id) noexcept {
        if (view(id) != PSN_COUNTER_BACKEND_ID) return nullptr;
        try {
            static const std::vector<psn_option> kOptions = T::options();
            static const psn_counter_backend_factory kFactory{
                sizeof(psn_counter_backend_factory),
                static_cast<std::uint32_t>(kOptions.size()),
                kOptions.data(),
                InstanceFactory<T>::create,
                InstanceFactory<T>::activate,
                InstanceFactory<T>::deactivate,
                InstanceFactory<T>::destroy,
                exchange};
            return &kFactory;
        } catch (...) {
            return nullptr;
        }
    }
};

}  // namespace persona::sdk

/// The entry of a plugin with one backend for shared counters.
#define PSN_COUNTER_BACKEND_PLUGIN(CLASS, MANIFEST) \
    PSN_PLUGIN_ENTRY(persona::sdk::CounterBackendFactory<CLASS>::get, MANIFEST)
