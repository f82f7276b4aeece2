#pragma once

#include <map>
#include <string>
#include <vector>

#include "libs/accounts/writer.h"

namespace persona::accounts {

/// The MySQL database of an original Persona (wsapi.md 5.1).
struct OriginalDatabase {
    std::string host = "127.0.0.1";
    unsigned port = 3306;
    std::string name = "browserid", user, password;  ///< SELECT is enough
};

struct ImportReport {
    int accounts = 0;   ///< made now
    int addresses = 0;  ///< with them
    int present = 0;    ///< accounts of which an address is here already: left as they are
    int idps = 0;
    /// What was left out, and how often: "an account without addresses" (W13), "an address that is
    /// not valid any more", "a password hash that cannot be read". No addresses.
    std::map<std::string, int> left_out;
};

/// Copies accounts with their passwords, addresses and identity providers; ids are made anew,
/// pending operations stay behind (their mails are stale, and W1 spoilt their hashes). May be
/// repeated, also after it was broken off: each account comes over in one transaction, once.
/// Unavailable: one of the two databases; what came over stays. Blocks for as long as it takes.
[[nodiscard]] Outcome<ImportReport> importOriginal(Writer& target, const OriginalDatabase& source,
                                                   Millis now_ms);

}  // namespace persona::accounts
