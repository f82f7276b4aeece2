#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "libs/mail/sender.h"
#include "libs/wsapi/settings.h"

namespace persona::dbwriter {

/// Options of this role beside the common ones.
[[nodiscard]] const std::vector<wsapi::OptionRow>& ownOptions();

/// `Config` is persona::sdk::Config.
template <typename Config>
[[nodiscard]] mail::Options readMailOptions(const Config& c, const std::string& public_url) {
    mail::Options o;
    const auto transport = c.str("mail.transport");
    o.transport = transport == "smtp"   ? mail::Transport::Smtp
                  : transport == "file" ? mail::Transport::File
                                        : mail::Transport::Console;
    o.public_url = public_url;
    o.from = c.str("send_from_address");
    o.wordmark_url = c.str("mail.wordmark_url");
    o.remote_logos = c.flag("mail.remote_logos");
    o.directory = c.str("mail.directory");
    o.max_queued = static_cast<std::size_t>(c.num("mail.max_queued"));
    auto& s = o.smtp;
    s.host = c.str("smtp.host");
    s.port = static_cast<std::uint16_t>(c.num("smtp.port"));
    s.user = c.str("smtp.user");
    s.password = c.str("smtp.password");
    const auto tls = c.str("smtp.tls");
    s.tls = tls == "starttls"   ? mail::SmtpOptions::Tls::StartTls
            : tls == "implicit" ? mail::SmtpOptions::Tls::Implicit
                                : mail::SmtpOptions::Tls::None;
    s.ca_file = c.str("smtp.ca_file");
    s.helo = c.str("smtp.helo");
    s.connections = static_cast<std::size_t>(c.num("smtp.connections"));
    s.connect_timeout = std::chrono::milliseconds(c.num("smtp.connect_timeout"));
    s.reply_timeout = std::chrono::milliseconds(c.num("smtp.reply_timeout"));
    s.retry_first = std::chrono::milliseconds(c.num("smtp.retry_first"));
    s.retry_most = std::chrono::milliseconds(c.num("smtp.retry_most"));
    return o;
}

}  // namespace persona::dbwriter
