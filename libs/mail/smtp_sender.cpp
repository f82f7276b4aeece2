#include "libs/mail/smtp_sender.h"

#include <Poco/Net/NetSSL.h>
#include <Poco/Net/SSLManager.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

namespace persona::mail {

namespace {

constexpr std::chrono::milliseconds kTakeOverEvery{500};
constexpr std::int64_t kPurgeEveryMs = 3'600'000;
constexpr std::size_t kRandomOctets = 32;
constexpr unsigned kMostReads = 100;  ///< two days, with the longest waits
using Clock = std::chrono::steady_clock;

Poco::Net::Context::Ptr makeContext(const SmtpOptions& options) {
    if (options.tls == SmtpOptions::Tls::None) return {};
    Poco::Net::initializeSSL();
    Poco::Net::Context::Ptr context(
        new Poco::Net::Context(Poco::Net::Context::TLS_CLIENT_USE, "", "", options.ca_file,
                               Poco::Net::Context::VERIFY_STRICT, 9, options.ca_file.empty()));
    context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
    return context;
}

std::string idOf(const std::string& message_id) {
    return message_id.substr(1, message_id.find('@') - 1);
}

}  // namespace

SmtpSender::SmtpSender(Options options, Environment environment, Composer composer, Spool spool,
                       std::string from)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      composer_(std::move(composer)),
      from_(std::move(from)),
      tls_(makeContext(options_.smtp)),
      spool_(std::move(spool)),
      schedule_(longestBackoffMs(options_.smtp)) {
    // Signals are the business of the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (std::size_t i = 0; i < options_.smtp.connections; ++i)
        threads_.emplace_back([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SmtpSender::~SmtpSender() {
    stop(std::chrono::seconds(5));
}

void SmtpSender::log(Level level, const std::string& text) const {
    environment_.log(level, text);
}

unsigned char SmtpSender::dice() const {
    const auto octet = environment_.random(1);
    return octet.empty() ? 128 : static_cast<unsigned char>(octet[0]);
}

Result<std::string> SmtpSender::send(const Message& message) {
    const auto now = environment_.now_ms();
    auto composed = composer_.compose(message, now, environment_.random(kRandomOctets));
    if (!composed) return Error{composed.error()};
    {
        const Lock lock(mutex_);
        if (stopping_) return Error{"mail: the sender has stopped"};
        if (isFull())
            return Error{"mail: the queue is full (" + std::to_string(options_.max_queued) +
                         " messages)"};
    }
    // Written outside the lock, so that several threads write at once; the bound may be passed by
    // as many messages as there are threads.
    auto entry = spool_.add(idOf(composed->message_id),
                            {std::string(nameOf(message.kind)), from_, composed->to,
                             std::move(composed->octets), now + message.valid_for_ms},
                            now);
    if (!entry) return Error{entry.error()};
    const Lock lock(mutex_);
    ++counts_.accepted;
    if (owner_)
        schedule_.add(std::move(*entry));
    else
        ++unowned_;
    wake_.notify_one();
    return std::move(composed->message_id);
}

Result<Sender::Delivery> SmtpSender::sendNow(const Message& message) {
    const auto composed =
        composer_.compose(message, environment_.now_ms(), environment_.random(kRandomOctets));
    if (!composed) return Error{composed.error()};
    const auto& smtp = options_.smtp;
    const auto session = SmtpSession::open(smtp, tls_, stop_signal_);
    if (!session) return Error{session.error()};
    const auto where = smtp.host + ":" + std::to_string(smtp.port);
    const auto outcome = (*session)->send(from_, composed->to, composed->octets);
    if (outcome.reusable) (*session)->quit();
    if (outcome.fate != Outcome::Fate::Delivered) return Error{where + ": " + outcome.why};
    return Delivery{composed->message_id, where};
}

bool SmtpSender::isFull() const {
    return schedule_.size() + unowned_ >= options_.max_queued;
}

bool SmtpSender::full() const {
    const Lock lock(mutex_);
    return isFull();
}

Sender::Counts SmtpSender::counts() const {
    const Lock lock(mutex_);
    auto out = counts_;
    out.queued = schedule_.size() + unowned_;
    return out;
}

void SmtpSender::stop(std::chrono::milliseconds grace) {
    {
        const Lock lock(mutex_);
        stopping_ = true;
        stop_signal_.stopAt(StopSignal::Clock::now() + grace);
        wake_.notify_all();
    }
    for (auto& thread : threads_)
        if (thread.joinable()) thread.join();
}

void SmtpSender::work() {
    std::unique_ptr<SmtpSession> session;
    Lock lock(mutex_);
    while (!stopping_) {
        if (!owner_) takeOver(lock);
        const auto now = environment_.now_ms();
        std::optional<Spool::Entry> entry;
        if (session || Clock::now() >= connect_after_) entry = schedule_.take(now);
        if (entry)
            deliver(lock, std::move(*entry), session);
        else
            waitForWork(lock, session);
    }
    lock.unlock();
    if (session) session->quit();
}

void SmtpSender::waitForWork(Lock& lock, std::unique_ptr<SmtpSession>& session) {
    const auto now = environment_.now_ms();
    if (owner_ && now >= purge_after_ms_) {
        purge_after_ms_ = now + kPurgeEveryMs;
        spool_.purgeDead(now - std::chrono::milliseconds(options_.keep_dead_letters).count());
    }
    // A clock that is set back must not put mail off: never longer than the longest retry.
    auto wait = std::max<std::int64_t>(options_.smtp.retry_most.count(), 1000);
    if (const auto due = schedule_.nextDue(now)) {
        const auto closed =
            std::chrono::ceil<std::chrono::milliseconds>(connect_after_ - Clock::now());
        wait = std::min(wait, std::max(*due - now, session ? 0 : closed.count()));
    }
    if (!owner_) wait = kTakeOverEvery.count();
    if (session) wait = std::min(wait, options_.smtp.idle_timeout.count());
    const auto until = Clock::now() + std::chrono::milliseconds(std::max<std::int64_t>(wait, 1));
    const bool woken = wake_.wait_until(lock, until) == std::cv_status::no_timeout;
    if (session && !woken && wait >= options_.smtp.idle_timeout.count()) {
        lock.unlock();
        session->quit();
        session.reset();
        lock.lock();
    }
}

void SmtpSender::takeOver(Lock&) {
    if (!spool_.tryLock()) return;
    std::size_t strange = 0;
    auto found = spool_.scan(strange, environment_.now_ms());
    for (auto& entry : found) schedule_.add(std::move(entry));
    owner_ = true;
    unowned_ = 0;
    if (!found.empty())
        log(Level::Info, "mail: " + std::to_string(found.size()) + " messages wait in the queue");
    if (strange > 0)
        log(Level::Warning, "mail: " + std::to_string(strange) + " files in " + options_.directory +
                                "/queue are not queued mails");
    wake_.notify_all();
}

bool SmtpSender::connect(std::unique_ptr<SmtpSession>& session) {
    auto opened = SmtpSession::open(options_.smtp, tls_, stop_signal_);
    const Lock lock(mutex_);
    if (opened) {
        if (connect_failures_ > 0) log(Level::Info, "mail: the server answers again");
        connect_failures_ = 0;
        connect_after_ = {};
        session = std::move(*opened);
        return true;
    }
    const auto wait = backoffMs(options_.smtp, ++connect_failures_, dice());
    connect_after_ = std::max(connect_after_, Clock::now() + std::chrono::milliseconds(wait));
    // Once for each outage and then ever more seldom, as the waits grow.
    if (!stopping_)
        log(Level::Warning, "mail: " + opened.error() + "; next try in " + std::to_string(wait) +
                                " ms, " + std::to_string(schedule_.size()) + " messages wait");
    return false;
}

void SmtpSender::deliver(Lock& lock, Spool::Entry entry, std::unique_ptr<SmtpSession>& session) {
    lock.unlock();
    const auto found = spool_.read(entry);
    const auto& stored = found.mail;
    if (found.state != Spool::Found::State::Good) {
        lock.lock();
        if (found.state == Spool::Found::State::Gone) return schedule_.done(entry);
        if (found.state == Spool::Found::State::Damaged) return bury(entry, "?", found.error);
        // No descriptor left, a disk that hesitates: nothing that the message is to blame for.
        if (entry.attempts + 1 >= kMostReads) return bury(entry, "?", found.error);
        log(Level::Error, "mail: " + entry.id + " waits: " + found.error);
        const auto wait = backoffMs(options_.smtp, entry.attempts + 1, dice());
        return putOff(std::move(entry), environment_.now_ms() + wait);
    }
    if (environment_.now_ms() >= stored.expires_ms) {
        lock.lock();
        return bury(entry, stored.kind, "its link has expired");
    }
    Outcome outcome;
    for (;;) {
        const bool used = session && session->sent() > 0;
        if (!session && !connect(session)) {
            lock.lock();
            return schedule_.back(std::move(entry));
        }
        outcome = session->send(stored.from, stored.to, stored.octets);
        if (!outcome.reusable || session->sent() >= options_.smtp.messages_per_connection) {
            if (outcome.reusable) session->quit();
            session.reset();
        }
        // A kept connection that the server has closed meanwhile says nothing of this message.
        if (outcome.fate != Outcome::Fate::Broken || !used || stop_signal_.reached()) break;
    }
    lock.lock();
    settle(lock, std::move(entry), stored, outcome);
}

void SmtpSender::settle(Lock&, Spool::Entry entry, const Spool::Stored& stored,
                        const Outcome& outcome) {
    using Fate = Outcome::Fate;
    if (outcome.fate == Fate::Refused) return bury(entry, stored.kind, outcome.why);
    if (outcome.fate == Fate::Delivered) {
        ++counts_.delivered;
        schedule_.done(entry);
        if (const auto error = spool_.remove(entry); !error.empty())
            log(Level::Error, "mail: " + entry.id + " was delivered and will be again: " + error);
        return;
    }
    if (stopping_ && outcome.fate == Fate::Broken) return schedule_.back(std::move(entry));
    ++counts_.retried;
    const auto attempts = entry.attempts + 1;
    const auto due = environment_.now_ms() + backoffMs(options_.smtp, attempts, dice());
    if (due >= stored.expires_ms)
        return bury(entry, stored.kind, outcome.why + ", until its link expired");
    log(Level::Warning, "mail: " + entry.id + " (" + stored.kind + ") attempt " +
                            std::to_string(attempts) + " failed: " + outcome.why);
    putOff(std::move(entry), due);
}

/// One attempt more, and the next one then.
void SmtpSender::putOff(Spool::Entry entry, std::int64_t due_ms) {
    if (const auto error = spool_.reschedule(entry, entry.attempts + 1, due_ms); !error.empty())
        log(Level::Error, "mail: " + error);
    entry.due_ms = due_ms;
    schedule_.back(std::move(entry));
}

void SmtpSender::bury(const Spool::Entry& entry, const std::string& kind, const std::string& why) {
    ++counts_.dead;
    schedule_.done(entry);
    log(Level::Error, "mail: dead letter " + entry.id + " (" + kind + ") after " +
                          std::to_string(entry.attempts + 1) + " attempts: " + why);
    if (const auto error = spool_.bury(entry); !error.empty()) log(Level::Error, "mail: " + error);
}

}  // namespace persona::mail
