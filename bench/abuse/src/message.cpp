#include "bench/abuse/src/message.h"

#include <algorithm>
#include <charconv>

namespace persona::abuse {

namespace {

constexpr std::size_t kMaxHead = 65'536, kMaxBody = 4'194'304;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool number(std::string_view text, int base, std::size_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

bool equalNoCase(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Message::field(std::string_view name) const {
    for (const auto& [key, value] : fields)
        if (equalNoCase(key, name)) return value;
    return {};
}

int Message::status() const {
    std::size_t out = 0;
    return start.size() >= 12 && number(std::string_view(start).substr(9, 3), 10, out)
               ? static_cast<int>(out)
               : 0;
}

std::string_view Message::method() const {
    return std::string_view(start).substr(0, start.find(' '));
}

std::string_view Message::target() const {
    const auto a = start.find(' '), b = start.rfind(' ');
    return a == b || a == std::string::npos ? std::string_view()
                                            : std::string_view(start).substr(a + 1, b - a - 1);
}

Reader::State Reader::feed(std::string_view octets) {
    buffer_.append(octets);
    return advance();
}

Reader::State Reader::next() {
    message_ = {};
    have_head_ = false;
    return advance();
}

Reader::State Reader::end() {
    if (!have_head_ || body_ != Body::ToEnd) return State::Bad;
    message_.body = std::move(buffer_);
    buffer_.clear();
    message_.keep_alive = false;
    return State::Done;
}

bool Reader::readHead(std::string_view head) {
    const auto line = head.find("\r\n");
    message_.start = std::string(head.substr(0, line));
    bool old = message_.start.find("HTTP/1.0") != std::string::npos, close = old;
    body_ = kind_ == Kind::Request ? Body::None : Body::ToEnd;
    length_ = 0;
    while (line != std::string_view::npos && !head.empty()) {
        const auto at = head.find("\r\n");
        if (at == std::string_view::npos) break;
        head.remove_prefix(at + 2);
        const auto one = head.substr(0, head.find("\r\n"));
        const auto colon = one.find(':');
        if (one.empty()) break;
        if (colon == std::string_view::npos) return false;
        const auto name = one.substr(0, colon), value = trim(one.substr(colon + 1));
        message_.fields.emplace_back(name, value);
        if (equalNoCase(name, "content-length")) {
            if (!number(value, 10, length_) || length_ > kMaxBody) return false;
            if (body_ != Body::Chunked) body_ = Body::Length;
        } else if (equalNoCase(name, "transfer-encoding")) {
            body_ = Body::Chunked;
        } else if (equalNoCase(name, "connection")) {
            close = equalNoCase(value, "close") || (old && !equalNoCase(value, "keep-alive"));
        }
    }
    if (kind_ == Kind::Response) {
        const auto status = message_.status();
        if (status == 0) return false;
        if (status == 204 || status == 304) body_ = Body::None;
    }
    message_.keep_alive = !close;
    return true;
}

Reader::State Reader::readChunks() {
    for (;;) {
        const auto line = buffer_.find("\r\n");
        if (line == std::string::npos) return buffer_.size() > 1'024 ? State::Bad : State::More;
        std::size_t size = 0;
        const auto text = std::string_view(buffer_).substr(0, line);
        if (!number(text.substr(0, text.find(';')), 16, size)) return State::Bad;
        if (message_.body.size() + size > kMaxBody) return State::Bad;
        if (size == 0) {
            const auto tail = buffer_.find("\r\n\r\n");
            if (tail == std::string::npos)
                return buffer_.size() > kMaxHead ? State::Bad : State::More;
            buffer_.erase(0, tail + 4);
            return State::Done;
        }
        if (buffer_.size() < line + 2 + size + 2) return State::More;
        message_.body.append(buffer_, line + 2, size);
        buffer_.erase(0, line + 2 + size + 2);
    }
}

Reader::State Reader::advance() {
    while (!have_head_) {
        const auto end = buffer_.find("\r\n\r\n");
        if (end == std::string::npos) return buffer_.size() > kMaxHead ? State::Bad : State::More;
        message_ = {};
        if (!readHead(std::string_view(buffer_).substr(0, end + 2))) return State::Bad;
        buffer_.erase(0, end + 4);
        // 100 Continue and its like announce the answer; they are none.
        have_head_ = kind_ == Kind::Request || message_.status() >= 200;
    }
    switch (body_) {
        case Body::None:
            return State::Done;
        case Body::Length:
            if (buffer_.size() < length_) return State::More;
            message_.body.assign(buffer_, 0, length_);
            buffer_.erase(0, length_);
            return State::Done;
        case Body::Chunked:
            return readChunks();
        case Body::ToEnd:
            return buffer_.size() > kMaxBody ? State::Bad : State::More;
    }
    return State::Bad;
}

}  // namespace persona::abuse
