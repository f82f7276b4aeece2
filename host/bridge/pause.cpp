#include "host/bridge/pause.h"

#include "host/bridge/stream.h"

namespace persona::host::bridge {

psn_token Tokens::add(psn_stream& stream) {
    const std::lock_guard lock(mutex_);
    streams_[++last_] = &stream;
    return last_;
}

void Tokens::remove(psn_token token) {
    const std::lock_guard lock(mutex_);
    streams_.erase(token);
}

psn_stream* Tokens::take(psn_token token) {
    const std::lock_guard lock(mutex_);
    const auto it = streams_.find(token);
    if (it == streams_.end()) return nullptr;
    auto* stream = it->second;
    // Safe: a stream takes its tokens back, under this lock, before it lets go of its own
    // reference.
    stream->ref();
    streams_.erase(it);
    return stream;
}

Tokens& tokens() {
    static Tokens t;
    return t;
}

}  // namespace persona::host::bridge
