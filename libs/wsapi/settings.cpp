#include "libs/wsapi/settings.h"

#include <stdexcept>

#include "libs/wsapi/form.h"

namespace persona::wsapi {

const std::vector<OptionRow>& commonOptions() {
    using enum OptionRow::Kind;
    constexpr std::int64_t kDay = 86'400'000, kYear = 365 * kDay;
    static const std::vector<OptionRow> kRows{
        {"public_url", Text, "", "origin of the service, such as https://login.example", 0, 0, "",
         true},
        {"domain_key.public_file", Text, "var/domain-key.public.json",
         "file with the domain's public key"},
        {"secrets.cookie", Text, "var/secrets/cookie",
         "file of the secrets that seal sessions and device cookies; made on first start"},
        {"secrets.class", Text, "var/secrets/class",
         "file of the secret by which the router tells known browsers from strangers; made on "
         "first "
         "start"},
        {"secrets.roles", Text, "var/secrets/roles",
         "file of the secret by which roles know each other; made on first start"},
        {"secrets.passwords", Text, "var/secrets/passwords",
         "file of the secret that is mixed into password hashes; made on first start. Without it "
         "no password can be checked: keep a copy"},
        {"executors.strangers", Text, "",
         "executor of password hashing for those whom the router calls untrusted; empty: the same "
         "as for everybody"},
        {"test_open_roles", Flag, "false",
         "take calls between roles without credentials; for test tools", 0, 0, "", false, false,
         true},
        {"legacy_reasons", Flag, "false",
         "authenticate_user says whether address or password was wrong, as the original did"},
        {"forcible_issuers", List, "[fxos.login.persona.org]",
         "issuer names that a site may force"},
        {"allow_unverified", Flag, "false",
         "sites may have people signed in before they have proven their address"},
        {"authentication_duration", Duration, "28d", "life of a session", 60'000, 10 * kYear},
        {"ephemeral_session_duration", Duration, "1h", "life of a session on a shared computer",
         60'000, kDay},
        {"idp_offline_grace_period", Duration, "5d",
         "how long nobody else vouches for the addresses of a provider that does not answer", 0,
         kYear},
        {"extension_algorithms", List, "", "of ES256 and Ed25519: families beyond RS and DS"},
        {"database.driver", Choice, "sqlite", "kind of database", 0, 0, "sqlite|mysql"},
        {"database.file", Text, "var/persona.db", "SQLite: the file; made on first start"},
        {"database.host", Text, "127.0.0.1", "MySQL, MariaDB: host"},
        {"database.port", Integer, "3306", "MySQL, MariaDB: port", 1, 65'535},
        {"database.name", Text, "browserid", "MySQL, MariaDB: name of the database"},
        {"database.user", Text, "", "MySQL, MariaDB: user"},
        {"database.password", Text, "", "MySQL, MariaDB: password", 0, 0, "", false, true},
        {"database.connections", Integer, "4", "connections kept", 1, 256},
        {"database.max_query_time", Duration, "5s", "longest time of one operation", 100, 60'000},
        {"database.migrate", Flag, "true",
         "dbwriter brings an older schema up to date by itself; false: persona-host db migrate "
         "does"},
        {"cef.syslog_host", Text, "",
         "where security events go by UDP in the Common Event Format; empty: to the log alone"},
        {"cef.syslog_port", Integer, "514", "of that host", 1, 65'535},
        {"cef.syslog_tag", Text, "browserid", "name of the program in those lines"},
        {"cef.vendor", Text, "Mozilla", "of the device in those lines"},
        {"cef.product", Text, "browserid", "of the device in those lines"},
        {"cef.version", Text, "0.1", "of the device in those lines"},
        {"passwords.scheme", Choice, "bcrypt", "of new password hashes", 0, 0, "bcrypt|argon2id"},
        {"bcrypt_work_factor", Integer, "12", "2^n rounds; old hashes follow at sign-in", 4, 20},
        {"passwords.argon2_memory", Size, "19MiB", "of one hash", 8'192, 1'073'741'824},
        {"passwords.argon2_passes", Integer, "2", "of one hash", 1, 100},
        {"login.free_tries", Integer, "10",
         "wrong passwords from strange devices before a challenge", 1, 1'000},
        {"login.daily_tries", Integer, "30",
         "tries from strange devices in a day, then mail is needed", 1, 100'000},
        {"login.consecutive_tries", Integer, "100",
         "wrong passwords in a row from strange devices, then mail is needed", 1, 100'000},
        {"login.device_tries_per_hour", Integer, "10",
         "wrong passwords from a device that the account knows", 0, 1'000},
        {"max_authentication_attempts", Integer, "0",
         "the original's lockout: takes the place of login.consecutive_tries; 0: off", 0, 100'000}};
    return kRows;
}

void finishSettings(Settings& s, const std::vector<std::string>& extension_algorithms) {
    while (s.public_url.ends_with('/')) s.public_url.pop_back();
    s.own_host = hostOf(s.public_url);
    s.cef.own_host = s.own_host;
    if (s.own_host.empty() ||
        !(s.public_url.starts_with("https://") || s.public_url.starts_with("http://")))
        throw std::runtime_error("public_url: expected an origin such as https://login.example");
    for (const auto& name : extension_algorithms) {
        if (name != "ES256" && name != "Ed25519")
            throw std::runtime_error("extension_algorithms: expected ES256 or Ed25519, got " +
                                     name);
        (name == "ES256" ? s.keys.allow_es256 : s.keys.allow_ed25519) = true;
    }
}

}  // namespace persona::wsapi
