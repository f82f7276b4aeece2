#pragma once

#include <functional>
#include <mutex>

#include "libs/mail/compose.h"
#include "libs/mail/sender.h"

namespace persona::mail {

/// The transports without a queue: a message is delivered when send() returns. `Deliver` gets it
/// with its time and returns what failed, or an empty text; one call at a time.
class DirectSender final : public Sender {
  public:
    using Deliver = std::function<std::string(const Composed& mail, std::int64_t now_ms)>;
    /// `where`: what it delivers to, for people.
    DirectSender(Environment environment, Composer composer, Deliver deliver, std::string where)
        : environment_(std::move(environment)),
          composer_(std::move(composer)),
          deliver_(std::move(deliver)),
          where_(std::move(where)) {}

    Result<std::string> send(const Message& message) override;
    Result<Delivery> sendNow(const Message& message) override;
    [[nodiscard]] Counts counts() const override;
    void stop(std::chrono::milliseconds grace) override;

  private:
    const Environment environment_;
    const Composer composer_;
    const Deliver deliver_;
    const std::string where_;
    mutable std::mutex mutex_;
    Counts counts_;
    bool stopped_ = false;
};

/// Prints headers and text to stdout, the text not encoded: the link is alone on its line.
[[nodiscard]] DirectSender::Deliver toConsole();
/// Writes `UNIX_MS-ID.eml`; a reader sees whole files only.
[[nodiscard]] DirectSender::Deliver toDirectory(std::string directory);

}  // namespace persona::mail
