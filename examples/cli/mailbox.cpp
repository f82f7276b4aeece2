#include "examples/cli/mailbox.h"

#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "examples/cli/failure.h"
#include "libs/files/files.h"

namespace persona::cli {

namespace {

constexpr std::size_t kMostOctets = 1024 * 1024;
constexpr std::chrono::milliseconds kLookEvery{20};

std::set<std::string> mailsIn(const std::string& directory) {
    std::set<std::string> out;  // their names begin with the time, so this is their order
    std::error_code error;
    for (const auto& item : std::filesystem::directory_iterator(directory, error))
        if (item.path().extension() == ".eml") out.insert(item.path().filename().string());
    return out;
}

/// Value of a header field that stands on one line.
std::string field(const std::string& mail, const std::string& name) {
    const auto head = "\r\n" + mail.substr(0, mail.find("\r\n\r\n") + 2);
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
}

}  // namespace

Mailbox::Mailbox(std::string directory)
    : directory_(std::move(directory)), seen_(mailsIn(directory_)) {}

std::string Mailbox::awaitToken(const std::string& email, std::chrono::seconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        for (const auto& name : mailsIn(directory_)) {
            if (!seen_.insert(name).second) continue;
            const auto mail = files::readFile(directory_ + "/" + name, kMostOctets);
            if (!mail) throw Failure(Exit::Io, mail.error());
            const auto link = field(*mail, "X-BrowserID-VerificationURL");
            const auto token = link.find("?token=");
            if (field(*mail, "To") == email && token != std::string::npos)
                return link.substr(token + 7);
        }
        if (std::chrono::steady_clock::now() >= deadline)
            throw Failure(Exit::NoMail,
                          "no mail to " + email + " in " + directory_ + " within " +
                              std::to_string(limit.count()) +
                              " s (does the service have mail.transport: file with this directory?"
                              " see --mail-dir)");
        std::this_thread::sleep_for(kLookEvery);
    }
}

}  // namespace persona::cli
