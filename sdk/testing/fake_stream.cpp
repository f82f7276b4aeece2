#include "fake_stream.h"

#include <atomic>

namespace persona::testing {

namespace {

using Phase = psn_stream::Phase;

std::string_view view(psn_str s) {
    return {s.p, s.n};
}
psn_str abi(std::string_view s) {
    return {s.data(), s.size()};
}

bool same(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto low = [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        };
        if (low(a[i]) != low(b[i])) return false;
    }
    return true;
}

const std::string* findHeader(const Headers& headers, std::string_view name) {
    for (const auto& [n, v] : headers)
        if (same(n, name)) return &v;
    return nullptr;
}
void removeHeader(Headers& headers, std::string_view name) {
    for (auto it = headers.begin(); it != headers.end();)
        it = same(it->first, name) ? headers.erase(it) : it + 1;
}

bool clean(std::string_view name, std::string_view value) {
    if (name.empty()) return false;
    for (const char c : name)
        if (static_cast<unsigned char>(c) <= 0x20 || c == ':' || c == 0x7f) return false;
    for (const char c : value)
        if (c == '\r' || c == '\n' || c == '\0') return false;
    return true;
}

bool isSound(const psn_response* r) {
    if (r == nullptr || r->struct_size < sizeof(psn_response) || r->status < 200 ||
        r->status > 599 || (r->header_count != 0 && r->headers == nullptr))
        return false;
    for (std::uint32_t i = 0; i < r->header_count; ++i)
        if (!clean(view(r->headers[i].name), view(r->headers[i].value))) return false;
    return true;
}

Headers headersOf(const psn_response* r) {
    Headers out;
    for (std::uint32_t i = 0; i < r->header_count; ++i)
        out.emplace_back(view(r->headers[i].name), view(r->headers[i].value));
    return out;
}

/// Names paused calls; a token is never given twice.
class Tokens {
  public:
    psn_token add(const std::shared_ptr<psn_stream>& s) {
        const std::lock_guard<std::mutex> lock(mutex_);
        streams_[++last_] = s;
        return last_;
    }
    std::shared_ptr<psn_stream> take(psn_token t) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto it = streams_.find(t);
        if (it == streams_.end()) return nullptr;
        auto s = it->second.lock();
        streams_.erase(it);
        return s;
    }

  private:
    std::mutex mutex_;
    psn_token last_ = 0;
    std::map<psn_token, std::weak_ptr<psn_stream>> streams_;
};
Tokens& tokens() {
    static Tokens all;
    return all;
}

struct Api {
    static const psn_request* request(psn_stream* s) {
        s->rebuildView();
        return &s->view;
    }
    static psn_rc header(psn_stream* s, psn_str name, psn_str* out) {
        const auto* v = findHeader(s->request_headers, view(name));
        if (v == nullptr) return PSN_NOT_FOUND;
        *out = abi(*v);
        return PSN_OK;
    }
    static psn_str body(psn_stream* s) { return abi(s->request_body); }

    static psn_rc respond(psn_stream* s, const psn_response* r) {
        if (!isSound(r)) {
            s->fault("respond() was given a response that is none");
            return PSN_INVALID;
        }
        if (s->phase == Phase::Done || s->answered.exchange(true)) return PSN_GONE;
        s->replied_in_call = s->in_filter;
        s->runOnLoop(
            [s, status = r->status, headers = headersOf(r), text = std::string(view(r->body))] {
                s->status = status;
                s->response_headers = headers;
                s->response_body = text;
                s->response_ended = true;
            });
        return PSN_OK;
    }
    static psn_rc start(psn_stream* s, const psn_response* r, std::int64_t, psn_writable_fn,
                        void*) {
        if (!isSound(r)) return PSN_INVALID;
        if (s->phase == Phase::Done || s->answered.exchange(true)) return PSN_GONE;
        s->runOnLoop([s, status = r->status, headers = headersOf(r)] {
            s->status = status;
            s->response_headers = headers;
        });
        return PSN_OK;
    }
    static psn_rc write(psn_stream* s, psn_str data, std::uint32_t end) {
        if (s->phase == Phase::Done) return PSN_GONE;
        s->runOnLoop([s, text = std::string(view(data)), end] {
            s->response_body += text;
            s->response_ended = end != 0;
        });
        return PSN_OK;
    }
    static psn_rc readBody(psn_stream* s, psn_body_fn fn, void* user) {
        if (!s->onLoop() || s->body_fn != nullptr || fn == nullptr) return PSN_DENIED;
        s->body_fn = fn;
        s->body_user = user;
        return PSN_OK;
    }
    static psn_rc resumeRead(psn_stream* s) {
        s->post([s] { s->read_paused = false; });
        return PSN_OK;
    }
    static psn_rc forward(psn_stream* s, const psn_forward* f) {
        if (f == nullptr || f->struct_size < sizeof(psn_forward)) return PSN_INVALID;
        if (f->upstream.n == 0) return PSN_NOT_FOUND;
        if (s->phase == Phase::Done || s->answered.exchange(true)) return PSN_GONE;
        Headers set;
        for (std::uint32_t i = 0; i < f->set_count; ++i)
            set.emplace_back(view(f->set_headers[i].name), view(f->set_headers[i].value));
        std::vector<std::string> remove;
        for (std::uint32_t i = 0; i < f->remove_count; ++i)
            remove.emplace_back(view(f->remove_headers[i]));
        s->runOnLoop([s, set, remove, upstream = std::string(view(f->upstream))] {
            for (const auto& n : remove) removeHeader(s->request_headers, n);
            for (const auto& [n, v] : set) {
                removeHeader(s->request_headers, n);
                s->request_headers.emplace_back(n, v);
            }
            s->outcome.forwarded_to = upstream;
            s->status = s->script.upstream_status;
            s->response_headers = s->script.upstream_headers;
            for (const auto& piece : s->script.upstream_body) s->response_body += piece;
            s->response_ended = true;
        });
        return PSN_OK;
    }
    static void abort(psn_stream* s) {
        s->answered = true;
        s->runOnLoop([s] {
            s->status = 0;
            s->response_ended = true;
        });
    }
    static void hold(psn_stream* s) {
        const std::lock_guard<std::mutex> lock(s->mutex);
        ++s->holds;
        if (!s->keep_alive) s->keep_alive = s->shared_from_this();
    }
    static void release(psn_stream* s) {
        std::shared_ptr<psn_stream> last;  // lets go after the lock did
        bool held = true;
        {
            const std::lock_guard<std::mutex> lock(s->mutex);
            held = s->holds != 0;
            if (held && --s->holds == 0) last = std::move(s->keep_alive);
        }
        if (!held) s->fault("release() without hold()");
        s->ready.notify_all();
    }
    static std::uint32_t isGone(psn_stream* s) { return s->phase == Phase::Done ? 1 : 0; }

    static bool inResponse(const psn_stream* s) {
        return s->phase == Phase::ResponseHead || s->phase == Phase::ResponseBody;
    }
    static psn_rc setRequest(psn_stream* s, psn_str name, psn_str value) {
        if (!clean(view(name), view(value))) return PSN_INVALID;
        if (!s->onLoop() || inResponse(s)) return PSN_DENIED;
        removeHeader(s->request_headers, view(name));
        s->request_headers.emplace_back(view(name), view(value));
        return PSN_OK;
    }
    static psn_rc removeRequest(psn_stream* s, psn_str name) {
        if (!s->onLoop() || inResponse(s)) return PSN_DENIED;
        removeHeader(s->request_headers, view(name));
        return PSN_OK;
    }
    static psn_rc changeResponse(psn_stream* s, psn_str name, psn_str value, bool remove_first) {
        if (!clean(view(name), view(value))) return PSN_INVALID;
        if (!s->onLoop() || s->phase != Phase::ResponseHead) return PSN_DENIED;
        if (remove_first) removeHeader(s->response_headers, view(name));
        s->response_headers.emplace_back(view(name), view(value));
        return PSN_OK;
    }
    static psn_rc setResponse(psn_stream* s, psn_str n, psn_str v) {
        return changeResponse(s, n, v, true);
    }
    static psn_rc addResponse(psn_stream* s, psn_str n, psn_str v) {
        return changeResponse(s, n, v, false);
    }
    static psn_rc removeResponse(psn_stream* s, psn_str name) {
        if (!s->onLoop() || s->phase != Phase::ResponseHead) return PSN_DENIED;
        removeHeader(s->response_headers, view(name));
        return PSN_OK;
    }
    static psn_rc responseHeader(psn_stream* s, psn_str name, psn_str* out) {
        const auto* v = findHeader(s->response_headers, view(name));
        if (v == nullptr) return PSN_NOT_FOUND;
        *out = abi(*v);
        return PSN_OK;
    }
    static std::uint32_t responseStatus(psn_stream* s) { return s->status; }
    static psn_rc setRequestId(psn_stream* s, psn_str id) {
        if (id.n == 0 || id.n > 64) return PSN_INVALID;
        for (const char c : view(id))
            if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-'))
                return PSN_INVALID;
        s->request_id = view(id);
        return PSN_OK;
    }

    static psn_token pauseToken(psn_stream* s) {
        if (!s->in_filter) return 0;
        if (s->token == 0) s->token = tokens().add(s->shared_from_this());
        return s->token;
    }
    static psn_rc resume(psn_token token, std::uint32_t result) {
        const auto s = tokens().take(token);
        if (!s) return PSN_GONE;
        s->post([raw = s.get(), s, token, result] {
            if (raw->token != token) return;
            raw->token = 0;
            if (result == PSN_FILTER_FAIL) raw->fault("resumed with a failure");
        });
        return PSN_OK;
    }
    static psn_rc resumeReply(psn_token token, const psn_response* r) {
        if (!isSound(r)) return PSN_INVALID;
        const auto s = tokens().take(token);
        if (!s) return PSN_GONE;
        s->post([raw = s.get(), s, token, status = r->status, headers = headersOf(r),
                 text = std::string(view(r->body))] {
            if (raw->token != token) return;
            raw->token = 0;
            raw->answered = true;
            raw->status = status;
            raw->response_headers = headers;
            raw->response_body = text;
            raw->response_ended = true;
        });
        return PSN_OK;
    }
    static psn_rc setValue(psn_stream* s, psn_str key, psn_str value) {
        s->values[std::string(view(key))] = std::string(view(value));
        return PSN_OK;
    }
    static psn_rc getValue(psn_stream* s, psn_str key, psn_str* out) {
        const auto it = s->values.find(view(key));
        if (it == s->values.end()) return PSN_NOT_FOUND;
        *out = abi(it->second);
        return PSN_OK;
    }
};

}  // namespace

const psn_stream_api* streamApi() {
    static const psn_stream_api kApi{sizeof(psn_stream_api),
                                     0,
                                     Api::request,
                                     Api::header,
                                     Api::body,
                                     Api::respond,
                                     Api::start,
                                     Api::write,
                                     Api::readBody,
                                     Api::resumeRead,
                                     Api::forward,
                                     Api::abort,
                                     Api::hold,
                                     Api::release,
                                     Api::isGone,
                                     Api::setRequest,
                                     Api::removeRequest,
                                     Api::setResponse,
                                     Api::addResponse,
                                     Api::removeResponse,
                                     Api::responseHeader,
                                     Api::responseStatus,
                                     Api::setRequestId,
                                     Api::pauseToken,
                                     Api::resume,
                                     Api::resumeReply,
                                     Api::setValue,
                                     Api::getValue};
    return &kApi;
}

StreamRun::StreamRun(FakeHost& host, Script script)
    : host_(host), stream_(std::make_shared<psn_stream>()) {
    stream_->script = std::move(script);
    stream_->request_headers = stream_->script.headers;
}

StreamRun::~StreamRun() = default;

void StreamRun::proceed() {
    stream_->loop = std::this_thread::get_id();
    do {
        stream_->runTasks();
        if (!isDone()) step();
    } while (!isDone() && stream_->runTasks());
}

bool StreamRun::finish(std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
        proceed();
        if (isDone()) return true;
        std::unique_lock<std::mutex> lock(stream_->mutex);
        if (!stream_->ready.wait_until(lock, until, [this] { return !stream_->tasks.empty(); }))
            return false;
    }
}

void StreamRun::cancel() {
    if (isDone()) return;
    stream_->status = 0;
    stream_->token = 0;
    complete(true);
}

void StreamRun::replyFromHost(unsigned status, const std::string& why) {
    stream_->outcome.local_reply = "host";
    if (!why.empty()) stream_->fault(why);
    stream_->status = status;
    stream_->response_headers.clear();
    stream_->response_body.clear();
    stream_->response_ended = true;
}

}  // namespace persona::testing

void psn_stream::post(std::function<void()> task) {
    {
        const std::lock_guard<std::mutex> lock(mutex);
        tasks.push_back(std::move(task));
    }
    ready.notify_all();
}

void psn_stream::runOnLoop(std::function<void()> task) {
    if (onLoop())
        task();
    else
        post(std::move(task));
}

bool psn_stream::runTasks() {
    bool any = false;
    for (;;) {
        std::function<void()> task;
        {
            const std::lock_guard<std::mutex> lock(mutex);
            if (tasks.empty()) return any;
            task = std::move(tasks.front());
            tasks.pop_front();
        }
        any = true;
        task();
    }
}

void psn_stream::rebuildView() {
    using persona::testing::abi;
    const auto& t = script.target;
    const auto question = t.find('?');
    view.struct_size = sizeof view;
    view.origin = PSN_ORIGIN_NETWORK;
    view.method = abi(script.method);
    view.target = abi(t);
    view.path = abi(std::string_view(t).substr(0, question));
    view.query = question == std::string::npos ? psn_str{nullptr, 0}
                                               : abi(std::string_view(t).substr(question + 1));
    view.scheme = abi("http");
    const auto* host = persona::testing::findHeader(request_headers, "host");
    view.authority = host == nullptr ? abi("test.example") : abi(*host);
    view.client_address = abi(script.client_address);
    view.peer_address =
        abi(script.peer_address.empty() ? script.client_address : script.peer_address);
    view.request_id = abi(request_id);
    view_headers.clear();
    for (const auto& [n, v] : request_headers) view_headers.push_back({abi(n), abi(v)});
    view.headers = view_headers.data();
    view.header_count = static_cast<std::uint32_t>(view_headers.size());
    std::size_t length = 0;
    for (const auto& piece : script.body) length += piece.size();
    view.has_body = length != 0 ? 1 : 0;
    view.content_length = static_cast<std::int64_t>(length);
}
