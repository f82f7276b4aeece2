#pragma once

#include <persona/abi/http_service.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "command.hpp"
#include "guard.hpp"
#include "stream.hpp"

namespace persona::sdk {

/// Base of a role. Derive, add routes in the constructor (which may throw: the text reaches the
/// operator), and name the class in PSN_SERVICE_PLUGIN.
class Service {
  public:
    Service(const psn_host* host, const psn_config* config)
        : host(host),
          config(host, config),
          stream_api_(
              static_cast<const psn_stream_api*>(host->get_extension(host, abi(PSN_STREAM_ID)))) {
        if (stream_api_ == nullptr) throw std::runtime_error("the host lacks " PSN_STREAM_ID);
    }
    virtual ~Service() = default;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    /// [control] Opens what the work needs; may throw.
    virtual void activate() {}
    virtual void deactivate() {}
    /// [executor] Empty: healthy.
    virtual std::string health(bool /*deep*/) { return {}; }

    const Host host;
    const Config config;

  protected:
    using Handler = std::function<void(const Stream&)>;
    struct RouteOptions {
        std::uint32_t match = PSN_MATCH_EXACT, body = PSN_BODY_NONE;
        std::uint64_t max_body = 0;
        bool blocking = false;
        const char* executor = "";
    };
    /// method and pattern must live as long as the service (literals do).
    void route(std::string_view method, std::string_view pattern, std::string_view name,
               RouteOptions o, Handler handler) {
        routes_.push_back({abi(method), abi(pattern), o.match, o.body, o.max_body,
                           o.blocking ? PSN_ROUTE_BLOCKING : 0,
                           static_cast<std::uint32_t>(handlers_.size()), abi(name),
                           abi(o.executor)});
        handlers_.push_back(std::move(handler));
    }
    /// What operators can ask this role for; in the constructor.
    void command(Command c) { commands_.add(std::move(c)); }

  private:
    template <typename T>
    friend struct ServiceFactory;
    const psn_stream_api* stream_api_;
    std::vector<psn_route> routes_;
    std::vector<Handler> handlers_;
    CommandTable commands_;
};

/// Trampolines of a Service class T with `static std::vector<psn_option> options()`. Nothing thrown
/// gets past them.
template <typename T>
struct ServiceFactory : InstanceFactory<T> {
    using InstanceFactory<T>::self;
    static const psn_route* routes(psn_instance* i, std::uint32_t* count) noexcept {
        auto& r = static_cast<Service&>(self(i)).routes_;
        *count = static_cast<std::uint32_t>(r.size());
        return r.data();
    }
    static psn_rc handle(psn_instance* i, std::uint32_t id, psn_stream* stream) noexcept {
        auto& s = static_cast<Service&>(self(i));
        try {
            s.handlers_.at(id)(Stream(s.stream_api_, stream));
            return PSN_OK;
        } catch (const std::exception& e) {
            s.host.error(std::string("handler threw: ") + e.what());
        } catch (...) {
            s.host.error("handler threw something that is no std::exception");
        }
        return PSN_FAIL;
    }
    static psn_rc health(psn_instance* i, std::uint32_t deep, psn_err* err) noexcept {
        std::string why;
        const psn_rc rc = guarded(err, [&] { why = self(i).health(deep != 0); });
        if (rc != PSN_OK || why.empty()) return rc;
        setError(err, why);
        return PSN_FAIL;
    }
    static const void* extension(psn_instance* i, psn_str id) noexcept {
        static const psn_admin_plugin kAdmin{
            sizeof(psn_admin_plugin), 0,
            [](psn_instance* own, std::uint32_t* count) noexcept -> const psn_admin_command* {
                const auto& rows = static_cast<Service&>(self(own)).commands_.rows();
                *count = static_cast<std::uint32_t>(rows.size());
                return rows.data();
            },
            [](psn_instance* own, const psn_admin_call* call, psn_err* err) noexcept -> psn_rc {
                return static_cast<Service&>(self(own)).commands_.run(*call, err);
            }};
        const bool offered =
            view(id) == PSN_ADMIN_ID && !static_cast<Service&>(self(i)).commands_.empty();
        return offered ? &kAdmin : nullptr;
    }
    static const void* get(psn_str id) noexcept {
        if (view(id) != PSN_HTTP_SERVICE_ID) return nullptr;
        static const std::vector<psn_option> kOptions = T::options();
        static const psn_http_service_factory kFactory{sizeof(psn_http_service_factory),
                                                       static_cast<std::uint32_t>(kOptions.size()),
                                                       kOptions.data(),
                                                       InstanceFactory<T>::create,
                                                       InstanceFactory<T>::activate,
                                                       InstanceFactory<T>::deactivate,
                                                       InstanceFactory<T>::destroy,
                                                       routes,
                                                       handle,
                                                       health,
                                                       extension};
        return &kFactory;
    }
};

}  // namespace persona::sdk

/// The entry of a plugin with one role. MANIFEST: a JSON text literal (see plugin.h).
#define PSN_SERVICE_PLUGIN(CLASS, MANIFEST) \
    PSN_PLUGIN_ENTRY(persona::sdk::ServiceFactory<CLASS>::get, MANIFEST)
