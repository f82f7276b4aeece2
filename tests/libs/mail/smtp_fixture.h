#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "libs/mail/sender.h"
#include "libs/protocol/json.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace persona::mail {

using namespace std::chrono_literals;
using persona::testing::Child;
using persona::testing::readText;
using persona::testing::TempDir;

constexpr auto kLimit = 30s;

/// tests/support/smtp_server.py as a process, and what it has taken.
class SmtpServer {
  public:
    explicit SmtpServer(std::string log, std::vector<std::string> flags = {}, int port = 0)
        : log_(std::move(log)) {
        std::vector<std::string> arguments = {
            "/usr/bin/python3",
            std::string(PERSONA_SOURCE_DIR) + "/tests/support/smtp_server.py",
            "--log",
            log_,
            "--port",
            std::to_string(port)};
        arguments.insert(arguments.end(), flags.begin(), flags.end());
        child_ = std::make_unique<Child>(Child::Options{arguments, log_ + ".stderr", {}});
        const auto line = child_->readLine(kLimit);
        if (line && line->starts_with("port ")) port_ = std::stoi(line->substr(5));
        EXPECT_GT(port_, 0) << readText(log_ + ".stderr");
    }
    [[nodiscard]] int port() const { return port_; }
    void kill() { child_->kill(); }
    void signal(int number) { child_->signal(number); }

    [[nodiscard]] std::vector<protocol::Json> taken() const {
        std::vector<protocol::Json> out;
        const auto text = readText(log_);
        for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos;
             at = end + 1)
            if (auto json = protocol::Json::parse(text.substr(at, end - at))) out.push_back(*json);
        return out;
    }
    /// How often a message for that address was taken.
    [[nodiscard]] std::size_t taken(const std::string& to) const {
        std::size_t out = 0;
        for (const auto& mail : taken()) out += *mail.findText("to") == to ? 1 : 0;
        return out;
    }

  private:
    std::string log_;
    std::unique_ptr<Child> child_;
    int port_ = 0;
};

/// Waits for what the other threads do; the condition is looked at often, and for long.
template <typename Condition>
::testing::AssertionResult eventually(Condition condition,
                                      std::chrono::milliseconds limit = kLimit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return ::testing::AssertionFailure() << "it did not come about";
        std::this_thread::sleep_for(5ms);
    }
    return ::testing::AssertionSuccess();
}

class LogLines {
  public:
    [[nodiscard]] Environment environment() {
        Environment out;
        out.log = [this](Level, const std::string& text) {
            const std::lock_guard lock(mutex_);
            text_ += text + "\n";
        };
        return out;
    }
    [[nodiscard]] std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }

  private:
    mutable std::mutex mutex_;
    std::string text_;
};

inline Options smtpOptions(const std::string& directory, int port) {
    Options out;
    out.transport = Transport::Smtp;
    out.public_url = "http://login.example";
    out.directory = directory;
    out.smtp.host = "127.0.0.1";
    out.smtp.port = static_cast<std::uint16_t>(port);
    out.smtp.retry_first = 20ms;
    out.smtp.retry_most = 200ms;
    out.smtp.reply_timeout = 5s;
    return out;
}

inline Message messageTo(const std::string& local_part) {
    Message out;
    out.kind = Kind::Confirm;
    out.to = local_part + "@mail.example";
    out.site = "shop.example";
    out.token = std::string(48, 't');
    return out;
}

}  // namespace persona::mail
