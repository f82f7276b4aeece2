#pragma once

#include <Poco/Net/Context.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "libs/mail/compose.h"
#include "libs/mail/schedule.h"
#include "libs/mail/sender.h"
#include "libs/mail/smtp_session.h"
#include "libs/mail/spool.h"

namespace persona::mail {

/// The queue and the threads that empty it. Each thread has at most one connection and keeps it as
/// long as there is work. A server that cannot be reached costs no message an attempt: connecting
/// itself is put off, for all threads. A message is removed when the server has taken it; between
/// that and the removal lies the only moment in which the end of the process means a second
/// delivery, as does a connection that breaks after DATA.
class SmtpSender final : public Sender {
  public:
    SmtpSender(Options options, Environment environment, Composer composer, Spool spool,
               std::string from);
    ~SmtpSender() override;
    SmtpSender(const SmtpSender&) = delete;
    SmtpSender& operator=(const SmtpSender&) = delete;

    Result<std::string> send(const Message& message) override;
    Result<Delivery> sendNow(const Message& message) override;
    [[nodiscard]] Counts counts() const override;
    [[nodiscard]] bool full() const override;
    void stop(std::chrono::milliseconds grace) override;

  private:
    using Lock = std::unique_lock<std::mutex>;

    void work();
    [[nodiscard]] bool isFull() const;
    void waitForWork(Lock& lock, std::unique_ptr<SmtpSession>& session);
    void takeOver(Lock& lock);
    void deliver(Lock& lock, Spool::Entry entry, std::unique_ptr<SmtpSession>& session);
    [[nodiscard]] bool connect(std::unique_ptr<SmtpSession>& session);
    void settle(Lock& lock, Spool::Entry entry, const Spool::Stored& stored,
                const Outcome& outcome);
    void putOff(Spool::Entry entry, std::int64_t due_ms);
    void bury(const Spool::Entry& entry, const std::string& kind, const std::string& why);
    void log(Level level, const std::string& text) const;
    [[nodiscard]] unsigned char dice() const;

    const Options options_;
    const Environment environment_;
    const Composer composer_;
    const std::string from_;
    Poco::Net::Context::Ptr tls_;
    StopSignal stop_signal_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    Spool spool_;
    Schedule schedule_;
    Counts counts_;
    std::size_t unowned_ = 0;  ///< accepted while another process had the queue
    bool owner_ = false, stopping_ = false;
    std::chrono::steady_clock::time_point connect_after_;
    std::int64_t purge_after_ms_ = 0;
    unsigned connect_failures_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace persona::mail
