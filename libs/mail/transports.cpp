#include "libs/mail/transports.h"

#include <cstdio>
#include <utility>

#include "libs/files/files.h"
#include "libs/mail/encode.h"

namespace persona::mail {

Result<std::string> DirectSender::send(const Message& message) {
    const auto now = environment_.now_ms();
    auto composed = composer_.compose(message, now, environment_.random(32));
    if (!composed) return Error{composed.error()};
    const std::lock_guard lock(mutex_);
    if (stopped_) return Error{"mail: the sender has stopped"};
    if (auto error = deliver_(*composed, now); !error.empty()) return Error{"mail: " + error};
    ++counts_.accepted;
    ++counts_.delivered;
    return std::move(composed->message_id);
}

Result<Sender::Delivery> DirectSender::sendNow(const Message& message) {
    auto sent = send(message);
    if (!sent) return Error{sent.error()};
    return Delivery{std::move(*sent), where_};
}

Sender::Counts DirectSender::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

void DirectSender::stop(std::chrono::milliseconds) {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
}

DirectSender::Deliver toConsole() {
    return [](const Composed& mail, std::int64_t now_ms) -> std::string {
        std::string out = "\nTo: " + mail.to + "\nSubject: " + mail.subject +
                          "\nDate: " + mailDate(now_ms) + "\nMessage-ID: " + mail.message_id +
                          "\n\n" + mail.body + "\n";
        // In one piece, so that log lines do not fall between.
        if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size() ||
            std::fflush(stdout) != 0)
            return files::systemError("cannot write to stdout");
        return {};
    };
}

DirectSender::Deliver toDirectory(std::string directory) {
    return [directory = std::move(directory)](const Composed& mail, std::int64_t now_ms) {
        const auto id = mail.message_id.substr(1, mail.message_id.find('@') - 1);
        const auto name = std::to_string(now_ms) + "-" + id;
        return files::writeDurably(directory + "/." + name + ".new",
                                   directory + "/" + name + ".eml", mail.octets, 0600);
    };
}

}  // namespace persona::mail
