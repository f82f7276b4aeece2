#include "host/bridge/stream.h"

/// The function table of psn.stream/1.
namespace persona::host::bridge {

const psn_stream_api& streamApi() {
    static const psn_stream_api kApi{
        sizeof(psn_stream_api),
        0,
        [](psn_stream* s) { return s->request(); },
        [](psn_stream* s, psn_str name, psn_str* value) -> psn_rc {
            const auto v = s->exchange().request.fields.find(toView(name));
            if (!v) return PSN_NOT_FOUND;
            *value = toAbi(*v);
            return PSN_OK;
        },
        [](psn_stream* s) { return toAbi(s->exchange().body()); },
        [](psn_stream* s, const psn_response* r) -> psn_rc {
            return r == nullptr ? PSN_INVALID : s->respond(*r);
        },
        [](psn_stream* s, const psn_response* r, std::int64_t length, psn_writable_fn fn,
           void* user) -> psn_rc {
            return r == nullptr ? PSN_INVALID : s->start(*r, length, fn, user);
        },
        [](psn_stream* s, psn_str data, std::uint32_t end) {
            return s->write(toView(data), end != 0);
        },
        [](psn_stream* s, psn_body_fn fn, void* user) { return s->readBody(fn, user); },
        [](psn_stream* s) { return s->resumeRead(); },
        [](psn_stream* s, const psn_forward* f) -> psn_rc {
            return f == nullptr ? PSN_INVALID : s->forward(*f);
        },
        [](psn_stream* s) { s->abort(); },
        [](psn_stream* s) { s->hold(); },
        [](psn_stream* s) { s->release(); },
        [](psn_stream* s) -> std::uint32_t { return s->gone() ? 1 : 0; },
        [](psn_stream* s, psn_str n, psn_str v) {
            return s->setRequestHeader(toView(n), toView(v), false);
        },
        [](psn_stream* s, psn_str n) { return s->setRequestHeader(toView(n), "", true); },
        [](psn_stream* s, psn_str n, psn_str v) {
            return s->setResponseHeader(toView(n), toView(v), psn_stream::Edit::Set);
        },
        [](psn_stream* s, psn_str n, psn_str v) {
            return s->setResponseHeader(toView(n), toView(v), psn_stream::Edit::Add);
        },
        [](psn_stream* s, psn_str n) {
            return s->setResponseHeader(toView(n), "", psn_stream::Edit::Remove);
        },
        [](psn_stream* s, psn_str name, psn_str* value) -> psn_rc {
            const auto v = s->exchange().response.fields.find(toView(name));
            if (!v) return PSN_NOT_FOUND;
            *value = toAbi(*v);
            return PSN_OK;
        },
        [](psn_stream* s) -> std::uint32_t { return s->exchange().response.status; },
        [](psn_stream* s, psn_str id) { return s->setRequestId(toView(id)); },
        [](psn_stream* s) { return s->pauseToken(); },
        [](psn_token t, std::uint32_t result) {
            return psn_stream::resumeToken(t, result, nullptr);
        },
        [](psn_token t, const psn_response* r) { return psn_stream::resumeReply(t, r); },
        [](psn_stream* s, psn_str key, psn_str value) {
            return s->setValue(toView(key), toView(value));
        },
        [](psn_stream* s, psn_str key, psn_str* value) -> psn_rc {
            const auto v = s->value(toView(key));
            if (!v) return PSN_NOT_FOUND;
            *value = toAbi(*v);
            return PSN_OK;
        }};
    return kApi;
}

}  // namespace persona::host::bridge
