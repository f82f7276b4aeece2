#pragma once

#include <persona/abi/config.h>
#include <persona/abi/ext/clock.h>
#include <persona/abi/ext/counters.h>
#include <persona/abi/ext/executor.h>
#include <persona/abi/ext/http_client.h>
#include <persona/abi/ext/log.h>
#include <persona/abi/ext/metrics.h>
#include <persona/abi/ext/timer.h>
#include <persona/abi/stream.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text.hpp"

namespace persona::sdk {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A counter, timing or gauge; a default one swallows what it is given.
class Metric {
  public:
    Metric() = default;
    Metric(const psn_metrics_api* api, psn_metric* metric) : api_(api), metric_(metric) {}
    void add(std::int64_t n = 1) const noexcept {
        if (metric_ != nullptr) api_->add(metric_, n);
    }
    void set(std::int64_t n) const noexcept {
        if (metric_ != nullptr) api_->set(metric_, n);
    }
    void observe(double millis) const noexcept {
        if (metric_ != nullptr) api_->observe(metric_, millis);
    }

  private:
    const psn_metrics_api* api_ = nullptr;
    psn_metric* metric_ = nullptr;
};

/// Answer of a call to another role or to the web. rc PSN_OK: status, headers and body count.
struct ClientResponse {
    psn_rc rc = PSN_FAIL;
    unsigned status = 0;
    Headers headers;
    std::string body, detail;
    [[nodiscard]] std::string header(std::string_view name) const {
        for (const auto& [n, v] : headers) {
            if (n.size() != name.size()) continue;
            bool same = true;
            for (std::size_t i = 0; i < n.size() && same; ++i)
                same = (n[i] | 0x20) == (name[i] | 0x20);
            if (same) return v;
        }
        return {};
    }
};

struct ClientRequest {
    std::string upstream, url, method = "GET", target, body;
    Headers headers;
    std::uint64_t max_body = 0, deadline_ms = 0;
    std::uint32_t flags = 0;
};

/// The host's extensions, found once; throws std::runtime_error naming what is missing.
class Host {
  public:
    explicit Host(const psn_host* host) : host_(host) {
        find(log_, PSN_LOG_ID);
        find(clock_, PSN_CLOCK_ID);
        find(metrics_, PSN_METRICS_ID);
        find(executor_, PSN_EXECUTOR_ID);
        find(client_, PSN_HTTP_CLIENT_ID);
        find(counters_, PSN_COUNTERS_ID);
        find(timer_, PSN_TIMER_ID);
    }
    void log(std::uint32_t level, std::string_view message) const noexcept {
        log_->write(host_, level, {nullptr, 0}, abi(message));
    }
    void info(std::string_view message) const noexcept { log(PSN_LOG_INFO, message); }
    void warn(std::string_view message) const noexcept { log(PSN_LOG_WARN, message); }
    void error(std::string_view message) const noexcept { log(PSN_LOG_ERROR, message); }
    [[nodiscard]] std::int64_t wallMs() const noexcept { return clock_->wall_ms(host_); }
    [[nodiscard]] std::int64_t monotonicNs() const noexcept { return clock_->monotonic_ns(host_); }
    /// n octets fit for keys; throws when the source fails.
    [[nodiscard]] std::string random(std::size_t n) const {
        std::string out(n, '\0');
        if (clock_->random(host_, out.data(), n) != PSN_OK)
            throw std::runtime_error("no randomness to be had");
        return out;
    }
    [[nodiscard]] Metric counter(const std::string& name) const {
        return declare(PSN_METRIC_COUNTER, name);
    }
    [[nodiscard]] Metric timing(const std::string& name) const {
        return declare(PSN_METRIC_TIMING, name);
    }
    [[nodiscard]] Metric gauge(const std::string& name) const {
        return declare(PSN_METRIC_GAUGE, name);
    }

    /// [any] PSN_FULL or PSN_NOT_FOUND: `work` will never be called.
    psn_rc submit(std::string_view executor, std::function<void(bool late)> work,
                  std::uint64_t deadline_ms = 0) const {
        auto* boxed = new std::function<void(bool)>(std::move(work));
        const psn_rc rc = executor_->submit(
            host_, abi(executor), deadline_ms,
            [](void* user, std::uint32_t late) {
                const std::unique_ptr<std::function<void(bool)>> f(
                    static_cast<std::function<void(bool)>*>(user));
                try {
                    (*f)(late != 0);
                } catch (...) {
                }
            },
            boxed);
        if (rc != PSN_OK) delete boxed;
        return rc;
    }
    /// [any] `done` is called exactly once, on any thread, and must not block; not PSN_OK: never.
    psn_rc send(const ClientRequest& r, std::function<void(ClientResponse)> done) const {
        std::vector<psn_header> headers;
        for (const auto& [n, v] : r.headers) headers.push_back({abi(n), abi(v)});
        const psn_client_request request{sizeof(psn_client_request),
                                         r.flags,
                                         abi(r.upstream),
                                         abi(r.url),
                                         abi(r.method),
                                         abi(r.target),
                                         headers.data(),
                                         static_cast<std::uint32_t>(headers.size()),
                                         0,
                                         abi(r.body),
                                         r.max_body,
                                         r.deadline_ms};
        using Done = std::function<void(ClientResponse)>;
        auto boxed = std::make_unique<Done>(std::move(done));
        const psn_rc sent = client_->send(
            host_, &request,
            [](void* user, psn_rc rc, const psn_client_response* answer, psn_str detail) {
                const std::unique_ptr<Done> f(static_cast<Done*>(user));
                ClientResponse response;
                try {
                    response.rc = rc;
                    response.detail = text(detail);
                    response.status = answer->status;
                    response.body = text(answer->body);
                    for (std::uint32_t i = 0; i < answer->header_count; ++i)
                        response.headers.emplace_back(text(answer->headers[i].name),
                                                      text(answer->headers[i].value));
                } catch (...) {
                    response.rc = PSN_FAIL;
                }
                try {
                    (*f)(std::move(response));
                } catch (...) {
                }
            },
            boxed.get());
        if (sent == PSN_OK) static_cast<void>(boxed.release());
        return sent;
    }
    /// [executor] Waits for the answer; PSN_DENIED on threads that must not block.
    [[nodiscard]] ClientResponse call(const ClientRequest& r) const {
        ClientResponse out;
        if (executor_->may_block(host_) == 0) {
            out.rc = PSN_DENIED;
            out.detail = "this thread must not block";
            return out;
        }
        struct Wait {
            std::mutex mutex;
            std::condition_variable ready;
            bool done = false;
            ClientResponse response;
        } wait;
        out.rc = send(r, [&wait](ClientResponse response) {
            const std::lock_guard<std::mutex> lock(wait.mutex);
            wait.response = std::move(response);
            wait.done = true;
            wait.ready.notify_one();
        });
        if (out.rc != PSN_OK) {
            out.detail = "the request was not taken";
            return out;
        }
        std::unique_lock<std::mutex> lock(wait.mutex);
        wait.ready.wait(lock, [&] { return wait.done; });
        return std::move(wait.response);
    }
    [[nodiscard]] const psn_host* raw() const noexcept { return host_; }
    [[nodiscard]] const psn_counters_api& counters() const noexcept { return *counters_; }
    [[nodiscard]] const psn_timer_api& timers() const noexcept { return *timer_; }

  private:
    template <typename T>
    void find(const T*& table, std::string_view id) {
        table = static_cast<const T*>(host_->get_extension(host_, abi(id)));
        if (table == nullptr || table->struct_size < sizeof(T))
            throw std::runtime_error("the host lacks " + std::string(id));
    }
    [[nodiscard]] Metric declare(std::uint32_t kind, const std::string& name) const {
        psn_metric* m = nullptr;
        if (metrics_->declare(host_, kind, abi(name), &m) != PSN_OK)
            throw std::runtime_error("bad metric name " + name);
        return {metrics_, m};
    }
    const psn_host* host_;
    const psn_log_api* log_ = nullptr;
    const psn_clock_api* clock_ = nullptr;
    const psn_metrics_api* metrics_ = nullptr;
    const psn_executor_api* executor_ = nullptr;
    const psn_http_client_api* client_ = nullptr;
    const psn_counters_api* counters_ = nullptr;
    const psn_timer_api* timer_ = nullptr;
};

/// The plugin's options, already checked by the host. Throws std::runtime_error for names not
/// declared.
class Config {
  public:
    Config(const psn_host* host, const psn_config* config)
        : api_(static_cast<const psn_config_api*>(host->get_extension(host, abi(PSN_CONFIG_ID)))),
          config_(config) {
        if (api_ == nullptr) throw std::runtime_error("the host lacks " PSN_CONFIG_ID);
    }
    [[nodiscard]] std::string str(std::string_view name) const {
        psn_str v{};
        check(api_->get_string(config_, abi(name), &v), name);
        return text(v);
    }
    /// INT; BOOL as 0 or 1; DURATION in ms; SIZE in octets.
    [[nodiscard]] std::int64_t num(std::string_view name) const {
        std::int64_t v = 0;
        check(api_->get_int(config_, abi(name), &v), name);
        return v;
    }
    [[nodiscard]] bool flag(std::string_view name) const { return num(name) != 0; }
    [[nodiscard]] double real(std::string_view name) const {
        double v = 0;
        check(api_->get_double(config_, abi(name), &v), name);
        return v;
    }
    /// LIST: empty keys. MAP: key and value.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> items(
        std::string_view name) const {
        std::uint32_t n = 0;
        check(api_->list_size(config_, abi(name), &n), name);
        std::vector<std::pair<std::string, std::string>> out;
        for (std::uint32_t i = 0; i < n; ++i) {
            psn_str k{}, v{};
            check(api_->list_at(config_, abi(name), i, &k, &v), name);
            out.emplace_back(text(k), text(v));
        }
        return out;
    }
    [[nodiscard]] bool isSet(std::string_view name) const {
        return api_->is_set(config_, abi(name)) != 0;
    }

  private:
    static void check(psn_rc rc, std::string_view name) {
        if (rc != PSN_OK)
            throw std::runtime_error("option " + std::string(name) +
                                     " is not declared with that type");
    }
    const psn_config_api* api_;
    const psn_config* config_;
};

/// A row of the option table. `min` and `max` both 0: no bounds.
inline psn_option option(std::string_view name, psn_option_type type, std::string_view def,
                         std::string_view doc, std::uint32_t flags = 0, std::int64_t min = 0,
                         std::int64_t max = 0, std::string_view choices = "") noexcept {
    return {abi(name), type, flags, abi(def), abi(choices), min, max, abi(doc)};
}

}  // namespace persona::sdk
