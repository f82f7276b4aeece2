#include "libs/accounts/import.h"

#include "libs/accounts/rows.h"
#include "libs/accounts/sql/mysql.h"

namespace persona::accounts {

namespace {

constexpr int kPage = 500;

struct OriginalAccount {
    std::int64_t id = 0;
    ImportedAccount account;
};

bool isBcrypt(const std::string& hash) {
    return hash.size() == 60 && hash.starts_with("$2") && hash[3] == '$' && hash[6] == '$';
}

/// The next page of accounts behind `after`, with their addresses.
Outcome<std::vector<OriginalAccount>> readPage(Database& source, std::int64_t after,
                                               std::map<std::string, int>& left_out) {
    using Page = std::vector<OriginalAccount>;
    return transact(source, [after, &left_out](Connection& c) -> Outcome<Page> {
        Page page;
        for (const auto& row :
             c.query("SELECT id, passwd FROM user WHERE id > ? ORDER BY id LIMIT " +
                         std::to_string(kPage),
                     {after})) {
            OriginalAccount one;
            one.id = row.number(0);
            one.account.password_hash = row.maybeText(1);
            if (one.account.password_hash && !isBcrypt(*one.account.password_hash)) {
                ++left_out["a password hash that cannot be read"];
                one.account.password_hash.reset();
            }
            for (const auto& email :
                 c.query("SELECT address, type = 'primary', verified FROM email WHERE user = ?"
                         " ORDER BY id",
                         {one.id})) {
                auto address = Address::parseInternational(email.text(0));
                if (!address) {
                    ++left_out["an address that is not valid any more"];
                    continue;
                }
                one.account.addresses.push_back(
                    {std::move(*address),
                     email.number(1) != 0 ? AddressType::Primary : AddressType::Secondary,
                     email.number(2) != 0});
            }
            page.push_back(std::move(one));
        }
        return page;
    });
}

Outcome<std::vector<std::pair<std::string, Millis>>> readIdps(Database& source) {
    using Idps = std::vector<std::pair<std::string, Millis>>;
    return transact(source, [](Connection& c) -> Outcome<Idps> {
        Idps idps;
        for (const auto& row :
             c.query("SELECT LOWER(domain), CAST(UNIX_TIMESTAMP(lastSeen) AS SIGNED) FROM idp"))
            idps.emplace_back(row.text(0), row.number(1) * 1000);
        return idps;
    });
}

}  // namespace

Outcome<ImportReport> importOriginal(Writer& target, const OriginalDatabase& source,
                                     Millis now_ms) {
    MysqlSettings settings;
    settings.host = source.host;
    settings.port = source.port;
    settings.name = source.name;
    settings.user = source.user;
    settings.password = source.password;
    settings.deadline = std::chrono::seconds(60);
    settings.connections = 1;
    settings.read_only = true;
    settings.our_schema = false;
    const auto opened = MysqlDatabase::open(settings);
    if (!opened) return Failure{Reason::Unavailable, opened.error(), 0};
    Database& original = **opened;

    ImportReport report;
    for (std::int64_t after = 0;;) {
        std::map<std::string, int> left_out;
        const auto page = readPage(original, after, left_out);
        if (!page) return page.failure();
        for (const auto& [what, times] : left_out) report.left_out[what] += times;
        if (page->empty()) break;
        for (const auto& one : *page) {
            after = one.id;
            if (one.account.addresses.empty()) {
                ++report.left_out["an account without addresses"];
                continue;
            }
            const auto made = target.importAccount(one.account, now_ms);
            if (!made) return made.failure();
            if (!*made) {
                ++report.present;
                continue;
            }
            ++report.accounts;
            report.addresses += static_cast<int>(one.account.addresses.size());
        }
    }
    const auto idps = readIdps(original);
    if (!idps) return idps.failure();
    for (const auto& [domain, seen_ms] : *idps) {
        if (const auto done = target.sawIdp(domain, seen_ms); !done) return done.failure();
        ++report.idps;
    }
    return report;
}

}  // namespace persona::accounts
