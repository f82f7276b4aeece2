#pragma once

#include <persona/abi/http_filter.h>

#include <string>
#include <string_view>
#include <vector>

#include "host.hpp"

namespace persona::sdk {

/// A pause of a filter. Copy it to wherever the work is done; the first of resume(), fail() and
/// reply() counts, from any thread, also when the stream is long gone.
class PauseToken {
  public:
    PauseToken() = default;
    PauseToken(const psn_stream_api* api, psn_token token) : api_(api), token_(token) {}
    /// PSN_GONE: the deadline has passed, the client has gone, or it was ended already.
    psn_rc resume() const { return api_->resume(token_, PSN_FILTER_CONTINUE); }
    psn_rc fail() const { return api_->resume(token_, PSN_FILTER_FAIL); }
    psn_rc reply(unsigned status, const Headers& headers, std::string_view body) const {
        std::vector<psn_header> fields;
        for (const auto& [n, v] : headers) fields.push_back({abi(n), abi(v)});
        const psn_response r{sizeof(psn_response),
                             status,
                             fields.data(),
                             static_cast<std::uint32_t>(fields.size()),
                             0,
                             abi(body)};
        return api_->resume_reply(token_, &r);
    }
    explicit operator bool() const { return token_ != 0; }
    [[nodiscard]] psn_token raw() const { return token_; }

  private:
    const psn_stream_api* api_ = nullptr;
    psn_token token_ = 0;
};

/// A request and its response as a filter sees them, valid during the call. Views that it gives
/// are valid until a field is changed.
class FilterStream {
  public:
    FilterStream(const psn_stream_api* api, psn_stream* stream) : api_(api), stream_(stream) {}
    [[nodiscard]] const psn_request& request() const { return *api_->request(stream_); }
    [[nodiscard]] std::string_view method() const { return view(request().method); }
    [[nodiscard]] std::string_view path() const { return view(request().path); }
    [[nodiscard]] std::string_view header(std::string_view name) const {
        psn_str v{};
        return api_->header(stream_, abi(name), &v) == PSN_OK ? view(v) : std::string_view();
    }
    /// In the calls for the request.
    psn_rc setHeader(std::string_view name, std::string_view value) const {
        return api_->set_request_header(stream_, abi(name), abi(value));
    }
    psn_rc removeHeader(std::string_view name) const {
        return api_->remove_request_header(stream_, abi(name));
    }
    [[nodiscard]] unsigned status() const { return api_->response_status(stream_); }
    [[nodiscard]] std::string_view responseHeader(std::string_view name) const {
        psn_str v{};
        return api_->response_header(stream_, abi(name), &v) == PSN_OK ? view(v)
                                                                       : std::string_view();
    }
    /// In onResponseHeaders, and in onResponseBody of filters that buffer.
    psn_rc setResponseHeader(std::string_view name, std::string_view value) const {
        return api_->set_response_header(stream_, abi(name), abi(value));
    }
    psn_rc addResponseHeader(std::string_view name, std::string_view value) const {
        return api_->add_response_header(stream_, abi(name), abi(value));
    }
    psn_rc removeResponseHeader(std::string_view name) const {
        return api_->remove_response_header(stream_, abi(name));
    }
    psn_rc setRequestId(std::string_view id) const {
        return api_->set_request_id(stream_, abi(id));
    }
    /// Shared by the filters of one request; the key begins with the own plugin's id and a dot.
    psn_rc setValue(std::string_view key, std::string_view value) const {
        return api_->set_value(stream_, abi(key), abi(value));
    }
    [[nodiscard]] std::string_view value(std::string_view key) const {
        psn_str v{};
        return api_->get_value(stream_, abi(key), &v) == PSN_OK ? view(v) : std::string_view();
    }
    /// Then return Flow::Pause.
    [[nodiscard]] PauseToken pause() const { return {api_, api_->pause_token(stream_)}; }
    /// Then return Flow::Reply. PSN_GONE: there is a reply already, or the head has been sent.
    psn_rc reply(unsigned status, const Headers& headers, std::string_view body) const {
        std::vector<psn_header> fields;
        fields.reserve(headers.size());
        for (const auto& [n, v] : headers) fields.push_back({abi(n), abi(v)});
        const psn_response r{sizeof(psn_response),
                             status,
                             fields.data(),
                             static_cast<std::uint32_t>(fields.size()),
                             0,
                             abi(body)};
        return api_->respond(stream_, &r);
    }
    /// Closes the connection without an answer, when this call has returned.
    void abort() const { api_->abort(stream_); }
    [[nodiscard]] const psn_stream_api& api() const { return *api_; }
    [[nodiscard]] psn_stream* raw() const { return stream_; }

  private:
    const psn_stream_api* api_;
    psn_stream* stream_;
};

}  // namespace persona::sdk
