#include "plugins/static/pages.h"

#include <openssl/evp.h>

#include <array>

#include "libs/protocol/base64url.h"

namespace persona::pages {

namespace {

constexpr const char* kStyle =
    ":root{color-scheme:light dark}body{font:1.05rem/1.6 "
    "system-ui,sans-serif;max-width:38rem;margin:12vh auto;padding:0 1.2rem}"
    "h1{font-weight:600;letter-spacing:-.01em}code{font-size:.95em}";

std::string html(std::string_view title, std::string_view content) {
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
           "name=\"viewport\" content=\"width=device-width\">\n<title>" +
           std::string(title) + "</title>\n<style>" + kStyle +
           "</style>\n</head>\n<body>\n<main>\n" + std::string(content) +
           "</main>\n</body>\n</html>\n";
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out.push_back(c);
        }
    }
    return out;
}

}  // namespace

std::string etagOf(std::string_view body) {
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    EVP_Digest(body.data(), body.size(), digest.data(), &size, EVP_sha256(), nullptr);
    return "\"" + protocol::encodeBase64Url({reinterpret_cast<const char*>(digest.data()), 16}) +
           "\"";
}

bool matches(std::string_view list, std::string_view etag) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        auto one = list.substr(0, comma);
        while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
        while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
        if (one.starts_with("W/")) one.remove_prefix(2);
        if (one == "*" || one == etag) return true;
        if (comma == std::string_view::npos) break;
        list.remove_prefix(comma + 1);
    }
    return false;
}

Page supportDocument(const domainkey::PublicKeys& keys) {
    std::string body = "{\"public-key\":" + keys.current.canonical() +
                       ",\"provisioning\":\"/provision\",\"authentication\":\"/auth\"";
    std::string list;
    for (const auto& o : keys.others) list += (list.empty() ? "" : ",") + o.key.jwk();
    if (!list.empty()) body += ",\"keys\":[" + list + "]";
    return {200, "application/json", "public, max-age=10", body + "}", ""};
}

Page delegation(std::string_view authority) {
    protocol::Json o = protocol::Json::object();
    o.add("authority", std::string(authority));
    return {200, "application/json", "public, max-age=10", o.dump(), ""};
}

Page publicKey(const protocol::PublicKey& key) {
    return {200, "application/json", "public, max-age=10", key.canonical(), ""};
}

Page home(std::string_view public_url) {
    Page p{200, "text/html; charset=utf-8", "public, max-age=0, must-revalidate",
           html("Persona",
                "<h1>Persona</h1>\n<p>This is a sign-in service. It lets people sign in to web "
                "sites with their e-mail address; sites verify who it is at <code>" +
                    escaped(public_url) + "/verify</code>.</p>\n"),
           ""};
    p.etag = etagOf(p.body);
    return p;
}

Page notFound(bool json) {
    if (json)
        return {404, "application/json", "no-store", R"({"success":false,"reason":"not found"})",
                ""};
    return {404, "text/html; charset=utf-8", "no-store",
            html("Not found", "<h1>Not found</h1>\n<p>There is no page at this address.</p>\n"),
            ""};
}

}  // namespace persona::pages
