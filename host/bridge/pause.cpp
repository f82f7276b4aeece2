#include "host/bridge/pause.h"

#include "host/bridge/stream.h"

namespace persona::host::bridge {

psn_token Tokens::add(psn_stream& stream, PluginContext& whose) {
    const std::lock_guard lock(mutex_);
    paused_[++last_] = {&stream, &whose};
    return last_;
}

void Tokens::remove(psn_token token) {
    const std::lock_guard lock(mutex_);
    paused_.erase(token);
}

void Tokens::expire(psn_token token) {
    const std::lock_guard lock(mutex_);
    const auto it = paused_.find(token);
    if (it == paused_.end()) return;
    keep(token, *it->second.whose, Misuse::ResumedLate);
    paused_.erase(it);
}

void Tokens::keep(psn_token token, PluginContext& whose, Misuse again) {
    if (spent_.empty()) spent_.resize(kKept);
    spent_[token % kKept] = {token, again, &whose, whose.owner};
}

psn_stream* Tokens::take(psn_token token) {
    Spent spent;
    {
        const std::lock_guard lock(mutex_);
        if (const auto it = paused_.find(token); it != paused_.end()) {
            auto* stream = it->second.stream;
            // Safe: a stream takes its tokens back, under this lock, before it lets go of its own
            // reference.
            stream->ref();
            keep(token, *it->second.whose, Misuse::ResumedTwice);
            paused_.erase(it);
            return stream;
        }
        if (!spent_.empty()) spent = spent_[token % kKept];
    }
    if (spent.token != token) return nullptr;
    if (const auto alive = spent.generation.lock())
        spent.whose->misuse(spent.again, spent.again == Misuse::ResumedTwice
                                             ? "resumed a request that it had resumed already"
                                             : "resumed a request whose pause was over");
    return nullptr;
}

Tokens& tokens() {
    static Tokens t;
    return t;
}

}  // namespace persona::host::bridge
