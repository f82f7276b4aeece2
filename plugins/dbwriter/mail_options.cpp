#include "plugins/dbwriter/mail_options.h"

namespace persona::dbwriter {

const std::vector<wsapi::OptionRow>& ownOptions() {
    using enum wsapi::OptionRow::Kind;
    static const std::vector<wsapi::OptionRow> kRows{
        {"executors.dbwriter", Text, "writes", "executor of the work that writes"},
        {"executors.passwords", Text, "passwords", "executor of password hashing"},
        {"min_time_between_emails", Duration, "60s", "between mails to one address", 0, 86'400'000},
        {"mail.daily_cap", Integer, "20", "mails a day to one address, 0: no limit", 0, 10'000},
        {"staged_lifetime", Duration, "48h", "of a mailed link", 60'000, 2'592'000'000},
        {"reset_lifetime", Duration, "1h", "of a mailed link that resets or unblocks", 60'000,
         86'400'000},
        {"supported_languages", List, "", "of mails; empty: all that there are"},
        {"default_lang", Text, "en", "of mails to callers who want none of those"},
        {"send_from_address", Text, "Persona <no-reply@persona.org>", "From of all mails"},
        {"mail.transport", Choice, "console", "where mails go", 0, 0, "console|file|smtp"},
        {"mail.directory", Text, "var/mail", "of written mails (file), or of the queue (smtp)"},
        {"mail.wordmark_url", Text, "", "https URL of the image above a mail; empty: a text"},
        {"mail.remote_logos", Flag, "false", "put the sites' own logos into mails"},
        {"mail.max_queued", Integer, "100000", "mails in the queue", 1, 10'000'000},
        {"smtp.host", Text, "localhost", "mail server"},
        {"smtp.port", Integer, "25", "of the mail server", 1, 65'535},
        {"smtp.user", Text, "", "at the mail server"},
        {"smtp.password", Text, "", "at the mail server", 0, 0, "", false, true},
        {"smtp.tls", Choice, "none", "starttls and implicit check the server's name", 0, 0,
         "none|starttls|implicit"},
        {"smtp.ca_file", Text, "", "PEM of authorities; empty: the system's"},
        {"smtp.helo", Text, "", "our name in EHLO; empty: host of public_url"},
        {"smtp.connections", Integer, "2", "at most", 1, 64},
        {"smtp.connect_timeout", Duration, "10s", "of the mail server", 100, 300'000},
        {"smtp.reply_timeout", Duration, "60s", "for each of its answers", 100, 600'000},
        {"smtp.retry_first", Duration, "15s", "before the second try; doubles", 10, 3'600'000},
        {"smtp.retry_most", Duration, "30m", "between tries", 10, 86'400'000}};
    return kRows;
}

}  // namespace persona::dbwriter
