#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace persona::abuse {

/// One HTTP/1.1 message as it is read: for the stub, the generator and the rules' proxy alike.
struct Message {
    std::string start;  ///< request or status line, without CR LF
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    bool keep_alive = true;

    /// First field of that name (ASCII, any case), or empty.
    [[nodiscard]] std::string_view field(std::string_view name) const;
    [[nodiscard]] int status() const;               ///< of a response; 0: none
    [[nodiscard]] std::string_view method() const;  ///< of a request
    [[nodiscard]] std::string_view target() const;
};

/// Reads messages out of octets that come in any pieces. Bounded: 64 KiB of head, 4 MiB of body.
class Reader {
  public:
    enum class Kind { Request, Response };
    enum class State { More, Done, Bad };
    explicit Reader(Kind kind) : kind_(kind) {}
    /// Takes more octets; Done when message() is whole. What follows it is kept for next().
    State feed(std::string_view octets);
    /// The peer closed: Done when the body was to end so.
    [[nodiscard]] State end();
    /// Begins with the next message, out of what is there already.
    State next();
    [[nodiscard]] const Message& message() const { return message_; }
    [[nodiscard]] Message& message() { return message_; }
    /// No octet of the next message has come yet.
    [[nodiscard]] bool idle() const { return buffer_.empty() && !have_head_; }

  private:
    enum class Body { None, Length, Chunked, ToEnd };
    State advance();
    bool readHead(std::string_view head);
    State readChunks();
    Kind kind_;
    Message message_;
    std::string buffer_;
    bool have_head_ = false;
    Body body_ = Body::None;
    std::size_t length_ = 0;
};

bool equalNoCase(std::string_view a, std::string_view b);

}  // namespace persona::abuse
