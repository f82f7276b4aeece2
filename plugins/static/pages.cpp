#include "plugins/static/pages.h"

namespace persona::pages {

std::string supportDocument(const domainkey::PublicKeys& keys) {
    std::string body = "{\"public-key\":" + keys.current.canonical() +
                       ",\"provisioning\":\"/provision\",\"authentication\":\"/auth\"";
    std::string list;
    for (const auto& o : keys.others) list += (list.empty() ? "" : ",") + o.key.jwk();
    if (!list.empty()) body += ",\"keys\":[" + list + "]";
    return body + "}";
}

std::string delegation(std::string_view authority) {
    protocol::Json o = protocol::Json::object();
    o.add("authority", std::string(authority));
    return o.dump();
}

std::string publicKey(const protocol::PublicKey& key) {
    return key.canonical();
}

}  // namespace persona::pages
