#pragma once

#include <persona/abi/stream.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host.hpp"

namespace persona::sdk {

/// A request and its response. Copies share one hold, so a Stream may be kept and answered later.
class Stream {
  public:
    Stream(const psn_stream_api* api, psn_stream* stream) : api_(api), stream_(stream) {}
    [[nodiscard]] const psn_request& request() const { return *api_->request(stream_); }
    [[nodiscard]] std::string_view method() const { return view(request().method); }
    [[nodiscard]] std::string_view path() const { return view(request().path); }
    [[nodiscard]] std::string_view query() const { return view(request().query); }
    [[nodiscard]] bool isInproc() const { return request().origin == PSN_ORIGIN_INPROC; }
    [[nodiscard]] std::string_view header(std::string_view name) const {
        psn_str v{};
        return api_->header(stream_, abi(name), &v) == PSN_OK ? view(v) : std::string_view();
    }
    [[nodiscard]] std::string_view body() const { return view(api_->body(stream_)); }
    psn_rc respond(unsigned status, const Headers& headers, std::string_view body) const {
        return respond<Headers>(status, headers, body);
    }
    /// The same with fields of another make: a vector of pairs of texts, or of views of them.
    template <typename Fields>
    psn_rc respond(unsigned status, const Fields& headers, std::string_view body) const {
        std::vector<psn_header> h;
        h.reserve(headers.size());
        for (const auto& [n, v] : headers) h.push_back({abi(n), abi(v)});
        const psn_response r{sizeof(psn_response),
                             status,
                             h.data(),
                             static_cast<std::uint32_t>(h.size()),
                             0,
                             abi(body)};
        return api_->respond(stream_, &r);
    }
    psn_rc text(unsigned status, std::string_view body) const {
        return respond(status, {{"Content-Type", "text/plain; charset=utf-8"}}, body);
    }
    psn_rc json(unsigned status, std::string_view body) const {
        return respond(status, {{"Content-Type", "application/json; charset=utf-8"}}, body);
    }
    /// Relays to an upstream; see psn_forward.
    psn_rc forward(std::string_view upstream, const Headers& set = {},
                   const std::vector<std::string_view>& remove = {},
                   std::string_view target = {}) const {
        std::vector<psn_header> h;
        for (const auto& [n, v] : set) h.push_back({abi(n), abi(v)});
        std::vector<psn_str> r;
        for (const auto n : remove) r.push_back(abi(n));
        const psn_forward f{sizeof(psn_forward),
                            0,
                            abi(upstream),
                            abi(target),
                            h.data(),
                            static_cast<std::uint32_t>(h.size()),
                            static_cast<std::uint32_t>(r.size()),
                            r.data(),
                            0};
        return api_->forward(stream_, &f);
    }
    /// Keeps the stream valid beyond the handler; end it with release().
    void hold() const { api_->hold(stream_); }
    void release() const { api_->release(stream_); }
    [[nodiscard]] bool isGone() const { return api_->is_gone(stream_) != 0; }
    [[nodiscard]] const psn_stream_api& api() const { return *api_; }
    [[nodiscard]] psn_stream* raw() const { return stream_; }

  private:
    const psn_stream_api* api_;
    psn_stream* stream_;
};

}  // namespace persona::sdk
