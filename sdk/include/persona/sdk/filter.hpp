#pragma once

#include <persona/abi/ext/draft/command.h>
#include <persona/abi/ext/self_check.h>
#include <persona/abi/http_filter.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "filter_stream.hpp"
#include "guard.hpp"

namespace persona::sdk {

/// What a filter says at the end of a call.
enum class Flow : std::uint32_t {
    Continue = PSN_FILTER_CONTINUE,
    Pause = PSN_FILTER_PAUSE,  ///< after FilterStream::pause()
    Reply = PSN_FILTER_REPLY,  ///< after FilterStream::reply()
    Fail = PSN_FILTER_FAIL     ///< on_error of the configuration decides
};

/// Base of a member of a chain. Derive, declare `struct Context` for what you keep for each request
/// (default-constructible), hide the functions you need, and name the class in PSN_FILTER_PLUGIN.
/// Functions that are not hidden are not called at all. All of them run on the request's loop and
/// must not block; what they throw is logged and counts as Flow::Fail.
class Filter {
  public:
    struct Context {};
    Filter(const psn_host* host, const psn_config* config)
        : host(host),
          config(host, config),
          streams(
              static_cast<const psn_stream_api*>(host->get_extension(host, abi(PSN_STREAM_ID)))) {
        if (streams == nullptr || streams->struct_size < sizeof *streams)
            throw std::runtime_error("the host lacks " PSN_STREAM_ID);
    }
    virtual ~Filter() = default;
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    /// [control] Opens what the work needs; may throw.
    virtual void activate() {}
    /// [control] Ends what activate began; joins threads.
    virtual void deactivate() {}
    /// [control] Before the first request; throws when something is wrong.
    virtual void selfCheck() {}
    /// [control] A word of the operator; JSON, or empty for one that is not known.
    virtual std::optional<std::string> command(std::string_view /*words*/) { return std::nullopt; }
    /// [control] NONE, STREAM or BUFFER with its bound, for each direction.
    virtual psn_filter_body bodies() { return {PSN_FILTER_BODY_NONE, PSN_FILTER_BODY_NONE, 0, 0}; }

    // To be hidden by the derived class; C is its Context.
    Flow onRequestHeaders(Context&, const FilterStream&) { return Flow::Continue; }
    Flow onRequestBody(Context&, const FilterStream&, std::string_view /*chunk*/, bool /*end*/) {
        return Flow::Continue;
    }
    Flow onResponseHeaders(Context&, const FilterStream&) { return Flow::Continue; }
    Flow onResponseBody(Context&, const FilterStream&, std::string_view /*chunk*/, bool /*end*/) {
        return Flow::Continue;
    }
    /// The last call of a stream, also when the client went away.
    void onComplete(Context&, const FilterStream&, const psn_summary&) {}

    const Host host;
    const Config config;
    const psn_stream_api* const streams;
};

/// Trampolines of a Filter class T with `static std::vector<psn_option> options()`.
template <typename T>
struct FilterFactory : InstanceFactory<T> {
    using Context = typename T::Context;
    using InstanceFactory<T>::self;

    static void* open(psn_instance* i, psn_stream*) noexcept {
        try {
            return new Context();
        } catch (...) {
            complain(i, "the context of a stream could not be made");
            return nullptr;
        }
    }
    static std::uint32_t onRequestHeaders(psn_instance* i, void* c, psn_stream* s) noexcept {
        return call(i, c, [&](T& t, Context& x) {
            return t.onRequestHeaders(x, FilterStream(t.streams, s));
        });
    }
    static std::uint32_t onRequestBody(psn_instance* i, void* c, psn_stream* s, psn_str chunk,
                                       std::uint32_t end) noexcept {
        return call(i, c, [&](T& t, Context& x) {
            return t.onRequestBody(x, FilterStream(t.streams, s), view(chunk), end != 0);
        });
    }
    static std::uint32_t onResponseHeaders(psn_instance* i, void* c, psn_stream* s) noexcept {
        return call(i, c, [&](T& t, Context& x) {
            return t.onResponseHeaders(x, FilterStream(t.streams, s));
        });
    }
    static std::uint32_t onResponseBody(psn_instance* i, void* c, psn_stream* s, psn_str chunk,
                                        std::uint32_t end) noexcept {
        return call(i, c, [&](T& t, Context& x) {
            return t.onResponseBody(x, FilterStream(t.streams, s), view(chunk), end != 0);
        });
    }
    static void onComplete(psn_instance* i, void* c, psn_stream* s,
                           const psn_summary* summary) noexcept {
        const std::unique_ptr<Context> context(static_cast<Context*>(c));
        if (context == nullptr) return;
        if constexpr (!std::is_same<decltype(&T::onComplete), decltype(&Filter::onComplete)>::value)
            call(i, c, [&](T& t, Context& x) {
                t.onComplete(x, FilterStream(t.streams, s), *summary);
                return Flow::Continue;
            });
        else
            static_cast<void>(i), static_cast<void>(s), static_cast<void>(summary);
    }
    static void bodyModes(psn_instance* i, psn_filter_body* out) noexcept {
        guarded(nullptr, [&] { *out = self(i).bodies(); });
    }
    static psn_rc check(psn_instance* i, psn_err* err) noexcept {
        return guarded(err, [&] { self(i).selfCheck(); });
    }
    static psn_rc command(psn_instance* i, psn_str words, psn_say_fn say, void* user) noexcept {
        bool known = false;
        const auto rc = guarded(nullptr, [&] {
            const auto answer = self(i).command(view(words));
            if (!answer) return;
            known = true;
            say(user, abi(*answer));
        });
        return rc == PSN_OK && !known ? PSN_NOT_FOUND : rc;
    }
    static const void* extension(psn_instance*, psn_str id) noexcept {
        static const psn_self_check_plugin kCheck{sizeof(psn_self_check_plugin), 0, check};
        static const psn_command_plugin kCommand{sizeof(psn_command_plugin), 0, command};
        return view(id) == PSN_SELF_CHECK_ID ? static_cast<const void*>(&kCheck)
               : view(id) == PSN_COMMAND_ID  ? &kCommand
                                             : nullptr;
    }
    static const void* get(psn_str id) noexcept {
        if (view(id) != PSN_HTTP_FILTER_ID) return nullptr;
        try {
            static const std::vector<psn_option> kOptions = T::options();
            static const psn_http_filter_factory kFactory = table(kOptions);
            return &kFactory;
        } catch (...) {
            return nullptr;
        }
    }

  private:
    /// A function that T did not hide is left out of the table: the host then makes no call.
    static psn_http_filter_factory table(const std::vector<psn_option>& options) noexcept {
        psn_http_filter_factory f{};
        f.struct_size = sizeof f;
        f.option_count = static_cast<std::uint32_t>(options.size());
        f.options = options.data();
        f.create = InstanceFactory<T>::create;
        f.activate = InstanceFactory<T>::activate;
        f.deactivate = InstanceFactory<T>::deactivate;
        f.destroy = InstanceFactory<T>::destroy;
        f.body_modes = bodyModes;
        f.open = open;
        if constexpr (!std::is_same<decltype(&T::onRequestHeaders),
                                    decltype(&Filter::onRequestHeaders)>::value)
            f.on_request_headers = onRequestHeaders;
        if constexpr (!std::is_same<decltype(&T::onRequestBody),
                                    decltype(&Filter::onRequestBody)>::value)
            f.on_request_body = onRequestBody;
        if constexpr (!std::is_same<decltype(&T::onResponseHeaders),
                                    decltype(&Filter::onResponseHeaders)>::value)
            f.on_response_headers = onResponseHeaders;
        if constexpr (!std::is_same<decltype(&T::onResponseBody),
                                    decltype(&Filter::onResponseBody)>::value)
            f.on_response_body = onResponseBody;
        f.on_complete = onComplete;
        f.get_extension = extension;
        return f;
    }
    static void complain(psn_instance* i, std::string_view what) noexcept {
        self(i).host.error(what);
    }
    template <typename F>
    static std::uint32_t call(psn_instance* i, void* c, F&& f) noexcept {
        if (c == nullptr) return PSN_FILTER_FAIL;
        try {
            return static_cast<std::uint32_t>(f(self(i), *static_cast<Context*>(c)));
        } catch (const std::exception& e) {
            complain(i, std::string_view(e.what()));
        } catch (...) {
            complain(i, "something was thrown that is no std::exception");
        }
        return PSN_FILTER_FAIL;
    }
};

}  // namespace persona::sdk

/// The entry of a plugin with one filter.
#define PSN_FILTER_PLUGIN(CLASS, MANIFEST) \
    PSN_PLUGIN_ENTRY(persona::sdk::FilterFactory<CLASS>::get, MANIFEST)
