#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libs/mail/message.h"
#include "plugins/dbwriter/writes.h"

namespace persona::dbwriter {

/// A password on its way between steps; wiped with its last holder.
class Secret {
  public:
    explicit Secret(std::string text) : text_(std::move(text)) {}
    ~Secret();
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};
using SecretPtr = std::shared_ptr<const Secret>;

/// What every call answers alike: 503 for the database, 429 with Retry-After for Throttled, and
/// "no such secret" for tokens that are not, no longer, or meant for another call (W8, W9).
[[nodiscard]] wsapi::Answer answerTo(const accounts::Failure& failure);
[[nodiscard]] wsapi::Answer badAddress();

/// Mails what was staged, in the language of the caller, and answers `answer`. A mail that is not
/// taken is logged, and the answer is mailsWait(): nobody waits for a mail that will not come.
[[nodiscard]] wsapi::Answer mailStaged(const Writes& writes, wsapi::Call& call, mail::Kind kind,
                                       const std::string& address,
                                       const accounts::StagedTokens& tokens,
                                       wsapi::Answer answer = wsapi::success());
/// 503: mail is not to be had for the moment. The same for every address.
[[nodiscard]] wsapi::Answer mailsWait(const Writes& writes, const wsapi::Call& call);

/// Signs the caller in by the password after something was completed, knows the device from now on.
void signIn(const Writes& writes, wsapi::Call& call, std::int64_t user, std::int64_t epoch,
            bool renew);

/// Compares a password with a hash on the passwords' executor; the attempt was reserved before.
[[nodiscard]] bool matches(const Writes& writes, const std::string& password,
                           const std::optional<std::string>& hash);

/// For an account's own password: reserves the attempt, compares, and gives it back when right
/// (W3). On the passwords' executor.
struct AccountCheck {
    bool right = false;
    std::int64_t epoch = 0;
    std::optional<accounts::Failure> failure;  ///< of the database alone
    std::string hash;                          ///< that was compared
};
[[nodiscard]] AccountCheck checkAccountPassword(const Writes& writes, wsapi::Call& call,
                                                std::int64_t user, const std::string& password);

/// Goes on unless the provider of the address was seen within the grace period and does not answer:
/// nobody may claim it by mail meanwhile (W19).
[[nodiscard]] wsapi::Step unlessOffline(const Writes& writes, const wsapi::Call& call,
                                        const accounts::Address& address, wsapi::Work then);
/// A mail names no site but one whose dialog this browser opened, where that is known (W32).
[[nodiscard]] std::optional<wsapi::Answer> refuseSite(const wsapi::Call& call);

}  // namespace persona::dbwriter
