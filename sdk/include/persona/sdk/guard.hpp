#pragma once

#include <exception>
#include <utility>

#include "text.hpp"

/// The barrier between C++ and the C interface: nothing that is thrown gets past it.
namespace persona::sdk {

/// Runs f; what it throws becomes PSN_FAIL and, where there is room, a text.
template <typename F>
psn_rc guarded(psn_err* err, F&& f) noexcept {
    try {
        std::forward<F>(f)();
        return PSN_OK;
    } catch (const std::exception& e) {
        setError(err, e.what());
    } catch (...) {
        setError(err, "something was thrown that is no std::exception");
    }
    return PSN_FAIL;
}

/// The part of every factory that is the same: making, warming and putting away a T.
template <typename T>
struct InstanceFactory {
    static T& self(psn_instance* i) noexcept { return *reinterpret_cast<T*>(i); }
    static psn_rc create(const psn_host* h, const psn_config* c, psn_instance** out,
                         psn_err* err) noexcept {
        return guarded(err, [&] { *out = reinterpret_cast<psn_instance*>(new T(h, c)); });
    }
    static psn_rc activate(psn_instance* i, psn_err* err) noexcept {
        return guarded(err, [&] { self(i).activate(); });
    }
    static void deactivate(psn_instance* i) noexcept {
        guarded(nullptr, [&] { self(i).deactivate(); });
    }
    static void destroy(psn_instance* i) noexcept {
        guarded(nullptr, [&] { delete &self(i); });
    }
};

}  // namespace persona::sdk

/// The entry of a plugin whose factories GET_FACTORY (a noexcept function of a psn_str) finds.
/// MANIFEST: a JSON text literal (see plugin.h).
#define PSN_PLUGIN_ENTRY(GET_FACTORY, MANIFEST)                               \
    extern "C" PSN_EXPORT const psn_plugin_entry* psn_plugin_entry_v1(void) { \
        static const psn_plugin_entry kEntry{                                 \
            PSN_ABI_MAGIC,                                                    \
            PSN_ABI_MAJOR,                                                    \
            PSN_ABI_MINOR,                                                    \
            sizeof(psn_plugin_entry),                                         \
            0,                                                                \
            {MANIFEST, sizeof(MANIFEST) - 1},                                 \
            [](const psn_host*, psn_err*) -> psn_rc { return PSN_OK; },       \
            []() {},                                                          \
            [](psn_str id) -> const void* { return GET_FACTORY(id); }};       \
        return &kEntry;                                                       \
    }
