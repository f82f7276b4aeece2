#include "plugins/dbwriter/notices.h"

#include "libs/mail/locale.h"

namespace persona::dbwriter {

namespace {

constexpr std::size_t kMostAddresses = 10;
constexpr std::int64_t kNotMeLifetimeMs = std::int64_t{7} * 24 * 3600 * 1000;

void send(const Writes& w, mail::Message message, accounts::UserId user, std::int64_t now_ms) {
    if (message.kind == mail::Kind::PasswordChanged)
        if (const auto address = accounts::Address::parse(message.to))
            if (auto token = w.writer.makeNotMe(user, *address, kNotMeLifetimeMs, now_ms))
                message.not_me_token = std::move(*token);
    if (const auto sent = w.sender.send(message); !sent)
        w.warn("mail '" + std::string(mail::nameOf(message.kind)) +
               "' was not taken: " + sent.error());
}

}  // namespace

std::vector<std::string> provenAddresses(const Writes& w, accounts::UserId user) {
    std::vector<std::string> out;
    const auto record = w.reader.account(user);
    if (!record) return out;
    for (const auto& a : record->addresses)
        if (a.info.verified && out.size() < kMostAddresses) out.push_back(a.info.address);
    return out;
}

void tell(const Writes& w, wsapi::Call& call, mail::Kind kind, accounts::UserId user,
          std::vector<std::string> addresses) {
    if (addresses.empty()) return;
    call.after.emplace_back([&w, kind, user, addresses = std::move(addresses), now_ms = call.now_ms,
                             locale = mail::chooseLocale(call.request.accept_language, w.languages,
                                                         w.default_language)] {
        for (const auto& to : addresses) {
            mail::Message m;
            m.kind = kind;
            m.to = to;
            m.locale = locale;
            send(w, std::move(m), user, now_ms);
        }
    });
}

}  // namespace persona::dbwriter
