#pragma once

// The part of settings.h that is a template; include that.

namespace persona::wsapi {

template <typename Config>
Settings readSettings(const Config& c) {
    Settings s;
    s.public_url = c.str("public_url");
    s.cookie_secrets = c.str("secrets.cookie");
    s.class_secrets = c.str("secrets.class");
    s.roles_secrets = c.str("secrets.roles");
    s.password_secrets = c.str("secrets.passwords");
    s.open_roles = c.flag("test_open_roles");
    s.legacy_reasons = c.flag("legacy_reasons");
    s.allow_unverified = c.flag("allow_unverified");
    for (const auto& [key, value] : c.items("forcible_issuers"))
        s.forcible_issuers.push_back(value);
    s.authentication_duration_ms = c.num("authentication_duration");
    s.ephemeral_session_duration_ms = c.num("ephemeral_session_duration");
    s.grace_ms = c.num("idp_offline_grace_period");
    s.public_key_file = c.str("domain_key.public_file");
    s.discovery = discovery::settingsOf(c);
    auto& d = s.database;
    d.driver = c.str("database.driver") == "mysql" ? accounts::StoreOptions::Driver::Mysql
                                                   : accounts::StoreOptions::Driver::Sqlite;
    d.file = c.str("database.file");
    d.host = c.str("database.host");
    d.port = static_cast<unsigned>(c.num("database.port"));
    d.name = c.str("database.name");
    d.user = c.str("database.user");
    d.password = c.str("database.password");
    d.connections = static_cast<int>(c.num("database.connections"));
    d.migrate = c.flag("database.migrate");
    d.deadline = std::chrono::milliseconds(c.num("database.max_query_time"));
    s.cef.host = c.str("cef.syslog_host");
    s.cef.port = static_cast<std::uint16_t>(c.num("cef.syslog_port"));
    s.cef.vendor = c.str("cef.vendor");
    s.cef.product = c.str("cef.product");
    s.cef.version = c.str("cef.version");
    s.cef.tag = c.str("cef.syslog_tag");
    auto& p = s.passwords;
    p.scheme = c.str("passwords.scheme") == "argon2id" ? passwords::Scheme::Argon2id
                                                       : passwords::Scheme::Bcrypt;
    p.bcrypt_cost = static_cast<int>(c.num("bcrypt_work_factor"));
    p.argon2_kib = static_cast<std::uint32_t>(c.num("passwords.argon2_memory") / 1'024);
    p.argon2_passes = static_cast<std::uint32_t>(c.num("passwords.argon2_passes"));
    s.login.free = static_cast<int>(c.num("login.free_tries"));
    s.login.daily = static_cast<int>(c.num("login.daily_tries"));
    s.login.consecutive = static_cast<int>(c.num("login.consecutive_tries"));
    s.login.device_per_hour = static_cast<int>(c.num("login.device_tries_per_hour"));
    if (const auto n = c.num("max_authentication_attempts"); n > 0)
        s.login.consecutive = static_cast<int>(n);
    std::vector<std::string> extensions;
    for (const auto& [key, value] : c.items("extension_algorithms")) extensions.push_back(value);
    finishSettings(s, extensions);
    return s;
}

}  // namespace persona::wsapi
