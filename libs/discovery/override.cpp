#include <fstream>
#include <sstream>

#include "libs/discovery/discovery.h"

namespace persona::discovery {

namespace {

/// http:// is for servers on this machine; whatever crosses a network is encrypted and verified.
bool isFetchable(const std::string& url) {
    if (url.starts_with("https://") && url.size() > 8) return true;
    for (const char* host : {"http://127.0.0.1", "http://[::1]", "http://localhost"}) {
        const std::string_view prefix = host;
        if (url.starts_with(prefix) &&
            (url.size() == prefix.size() || url[prefix.size()] == ':' || url[prefix.size()] == '/'))
            return true;
    }
    return false;
}

}  // namespace

Result<Override> parseOverride(const std::string& text) {
    Override o;
    std::string source = text;
    if (const auto bar = source.find('|'); bar != std::string::npos) {
        o.origin = source.substr(0, bar);
        source.erase(0, bar + 1);
        const auto scheme = o.origin.find("://");
        if ((!o.origin.starts_with("https://") && !o.origin.starts_with("http://")) ||
            o.origin.find_first_of("/?#\\@ ", scheme + 3) != std::string::npos)
            return Error{"expected an origin such as https://idp.example before the |, got \"" +
                         o.origin + "\""};
    }
    if (source.starts_with("http://") || source.starts_with("https://")) {
        if (!isFetchable(source) || source.find_first_of("?# ") != std::string::npos)
            return Error{
                "expected an https URL without query (or an http one on 127.0.0.1), got \"" +
                source + "\""};
        o.url = source;
        return o;
    }
    std::ifstream in(source, std::ios::binary);
    std::stringstream content;
    content << in.rdbuf();
    if (!in || content.str().empty())
        return Error{"expected [ORIGIN|]URL or [ORIGIN|]FILE; cannot read the file \"" + source +
                     "\", or it is empty"};
    o.document = content.str();
    return o;
}

}  // namespace persona::discovery
