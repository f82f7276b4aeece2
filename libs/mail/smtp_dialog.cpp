#include "libs/mail/smtp_dialog.h"

#include <Poco/Exception.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Timespan.h>

#include <algorithm>
#include <array>

namespace persona::mail {

namespace {

using Clock = StopSignal::Clock;

constexpr std::size_t kMostLine = 2048;  // RFC 5321 4.5.3.1.5 asks for 512
constexpr std::size_t kMostLines = 100;
// How long a blocked call may overlook that delivery shall end.
constexpr std::chrono::milliseconds kSlice{200};

Poco::Timespan slice(Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now());
    return Poco::Timespan(
        std::clamp<std::int64_t>(left.count(), 1000, std::chrono::microseconds(kSlice).count()));
}

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

std::string Reply::status() const {
    std::string out = std::to_string(code);
    if (lines.empty()) return out;
    // An enhanced status code (RFC 3463): three numbers.
    const std::string_view text = lines.back();
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (word.size() >= 5 && word.size() <= 9 && std::count(word.begin(), word.end(), '.') == 2 &&
        std::all_of(word.begin(), word.end(), [](char c) { return isDigit(c) || c == '.'; }))
        out.append(" ").append(word);
    return out;
}

SmtpDialog::SmtpDialog(const Poco::Net::StreamSocket& socket, const StopSignal& stop)
    : socket_(socket), stop_(stop) {}

std::string SmtpDialog::fill(Clock::time_point deadline) {
    std::array<char, 4096> chunk{};
    for (;;) {
        if (stop_.reached()) return "delivery was stopped";
        if (Clock::now() >= deadline) return "no reply in time";
        try {
            socket_.setReceiveTimeout(slice(deadline));
            const int n = socket_.receiveBytes(chunk.data(), static_cast<int>(chunk.size()));
            if (n <= 0) return "the server closed the connection";
            buffer_.append(chunk.data(), static_cast<std::size_t>(n));
            return {};
        } catch (const Poco::TimeoutException&) {
            // The loop looks at the clock.
        } catch (const Poco::Exception& e) {
            return "the connection broke: " + e.displayText();
        }
    }
}

Result<Reply> SmtpDialog::reply(Milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    Reply out;
    for (;;) {
        const auto end = buffer_.find('\n');
        if (end == std::string::npos) {
            if (buffer_.size() > kMostLine)
                return Error{"the server sent a reply that is too long"};
            if (auto error = fill(deadline); !error.empty()) return Error{error};
            continue;
        }
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        const bool shaped = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' &&
                            isDigit(line[1]) && isDigit(line[2]) &&
                            (line.size() == 3 || line[3] == ' ' || line[3] == '-');
        const int code = shaped ? (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0' : 0;
        if (!shaped || (out.code != 0 && code != out.code))
            return Error{"the server sent something that is not an SMTP reply"};
        out.code = code;
        out.lines.push_back(line.size() > 4 ? line.substr(4) : "");
        if (line.size() == 3 || line[3] == ' ') return out;
        if (out.lines.size() == kMostLines)
            return Error{"the server sent a reply that is too long"};
    }
}

std::string SmtpDialog::write(std::string_view octets, Milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    while (!octets.empty()) {
        if (stop_.reached()) return "delivery was stopped";
        if (Clock::now() >= deadline) return "the server did not take the message in time";
        try {
            socket_.setSendTimeout(slice(deadline));
            const int n = socket_.sendBytes(
                octets.data(), static_cast<int>(std::min<std::size_t>(octets.size(), 16384)));
            if (n > 0) octets.remove_prefix(static_cast<std::size_t>(n));
        } catch (const Poco::TimeoutException&) {
            // The loop looks at the clock.
        } catch (const Poco::Exception& e) {
            return "the connection broke: " + e.displayText();
        }
    }
    return {};
}

Result<Reply> SmtpDialog::command(std::string_view line, Milliseconds limit) {
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
        return Error{"a command with a line end in it"};
    auto error = write(std::string(line) + "\r\n", limit);
    if (!error.empty()) return Error{error};
    return reply(limit);
}

std::string SmtpDialog::startTls(const Poco::Net::Context::Ptr& context, const std::string& host,
                                 Milliseconds limit) {
    if (!buffer_.empty()) return "the server sent plain text after it had agreed to TLS";
    try {
        const Poco::Timespan timeout(std::chrono::microseconds(limit).count());
        socket_.setReceiveTimeout(timeout);
        socket_.setSendTimeout(timeout);
        socket_ = Poco::Net::SecureStreamSocket::attach(socket_, host, context);
        return {};
    } catch (const Poco::Exception& e) {
        return "no TLS with " + host + ": " + e.displayText();
    }
}

void SmtpDialog::close() {
    try {
        socket_.close();
    } catch (const Poco::Exception&) {
        // It is gone either way.
    }
}

}  // namespace persona::mail
