#include "libs/mail/compose.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

// Debian's package of the header-only library keeps upstream's folder.
#include <kainjow/mustache.hpp>

#include "libs/mail/catalogue.h"
#include "libs/mail/encode.h"
#include "libs/mail/resources.h"
#include "libs/protocol/names.h"

namespace persona::mail {

namespace {

constexpr std::string_view kDefaultBackground = "#45505b";
constexpr std::string_view kProduct = "Persona";

bool isAlnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool isToken(std::string_view token) {
    return token.size() >= 16 && token.size() <= 128 &&
           std::all_of(token.begin(), token.end(),
                       [](char c) { return isAlnum(c) || c == '-' || c == '_'; });
}

/// Host of an origin or of a host name with an optional port. Empty: neither.
std::optional<std::string> siteHost(std::string_view site) {
    if (const auto scheme = site.find("://"); scheme != std::string_view::npos)
        site.remove_prefix(scheme + 3);
    site = site.substr(0, site.find(':'));
    if (site.empty() || site.size() > 254 || !std::all_of(site.begin(), site.end(), [](char c) {
            return isAlnum(c) || c == '-' || c == '.';
        }))
        return std::nullopt;
    return protocol::toLower(site);
}

std::optional<std::string> colour(std::string_view text) {
    if (text.empty()) return std::string(kDefaultBackground);
    if (text.front() == '#') text.remove_prefix(1);
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
    if (!digits || (text.size() != 3 && text.size() != 6)) return std::nullopt;
    return "#" + std::string(text);
}

bool isImageUrl(std::string_view url) {
    return url.size() <= 2048 && url.starts_with("https://") &&
           std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// The values of the templates, in the order that they are filled in.
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string render(std::string_view name, const Fields& fields, bool html) {
    kainjow::mustache::mustache page{std::string(resource(name))};
    if (!html) page.set_custom_escape([](const std::string& text) { return text; });
    kainjow::mustache::data data;
    for (const auto& [key, value] : fields)
        // A section of an empty text is left out, as one of a missing text.
        if (!value.empty()) data.set(key, value);
    return page.render(data);
}

}  // namespace

Composer::Composer(Options options)
    : options_(std::move(options)),
      id_domain_(options_.from.address.substr(options_.from.address.find('@') + 1)) {}

Result<Composed> Composer::compose(const Message& message, std::int64_t now_ms,
                                   std::string_view random) const {
    if (random.size() < 32) return Error{"no randomness for a mail"};
    if (!protocol::emailDomain(message.to)) return Error{"mail: to is not an address"};
    const bool has_link = !landingPath(message.kind).empty();
    if (has_link != !message.token.empty() || (has_link && !isToken(message.token)))
        return Error{"mail: token does not fit mail " + std::string(nameOf(message.kind))};
    if (!message.not_me_token.empty() && !isToken(message.not_me_token))
        return Error{"mail: not_me_token is not a token"};
    const auto site = siteHost(message.site.empty() ? kProduct : message.site);
    if (!site) return Error{"mail: site is neither an origin nor a host name"};
    const auto background = colour(message.background_color);
    if (!background) return Error{"mail: background_color is not 3 or 6 hexadecimal digits"};
    if (!message.site_logo.empty() && !isImageUrl(message.site_logo))
        return Error{"mail: site_logo is not an https URL"};

    const auto& catalogue = Catalogue::of(message.locale);
    const std::string shown_site = message.site.empty() ? std::string(kProduct) : *site;
    const std::string kind(nameOf(message.kind));
    const Catalogue::Values values = {{"site", shown_site}, {"address", message.to}};
    const std::string link = has_link
                                 ? options_.public_url + std::string(landingPath(message.kind)) +
                                       "?token=" + message.token
                                 : "";
    const std::string not_me_link =
        message.not_me_token.empty()
            ? ""
            : options_.public_url + std::string(kNotMePath) + "?token=" + message.not_me_token;
    const bool own_logo = options_.remote_logos && !message.site_logo.empty();

    Composed out;
    out.to = message.to;
    out.message_id = "<" + hex(random.substr(0, 16)) + "@" + id_domain_ + ">";
    out.subject = catalogue.text("subject." + kind, values);
    const Fields fields = {
        {"lang", catalogue.locale()},
        {"dir", catalogue.rightToLeft() ? "rtl" : "ltr"},
        {"subject", out.subject},
        {"background", *background},
        {"logo", own_logo ? message.site_logo : options_.wordmark_url},
        {"logo_alt", shown_site},
        {"intro", catalogue.text("intro." + kind, values)},
        {"link", link},
        {"button", catalogue.text("button." + kind, values)},
        {"note", catalogue.text("note." + kind, values)},
        {"not_me_link", not_me_link},
        {"not_me_text", catalogue.text("not_me.text")},
        {"not_me_button", catalogue.text("not_me.button")},
        {"about_text", catalogue.text("about.text")},
        {"learn_more", catalogue.text("about.more")},
        {"about_link", options_.public_url + "/about"},
    };
    out.body = render("templates/mail.txt", fields, false);

    const std::string boundary = "=_" + hex(random.substr(16, 16));
    Header header;
    header.add("From", options_.from.header);
    header.add("To", message.to);
    header.addText("Subject", out.subject);
    header.add("Date", mailDate(now_ms));
    header.add("Message-ID", out.message_id);
    header.add("Auto-Submitted", "auto-generated");
    if (has_link) header.add("X-BrowserID-VerificationURL", link);
    if (!message.site.empty()) header.add("X-BrowserID-RelyingParty", *site);
    // Only where a stranger can cause mail to somebody who has no account here; holders of an
    // account cannot unsubscribe from what protects it.
    if (!not_me_link.empty() && (message.kind == Kind::NewAccount || message.kind == Kind::Confirm))
        header.add("List-Unsubscribe", "<" + not_me_link + ">");
    header.add("Content-Language", catalogue.locale());
    header.add("MIME-Version", "1.0");
    header.add("Content-Type", "multipart/alternative; boundary=\"" + boundary + "\"");
    auto head = header.text();
    if (!head) return Error{"mail: " + head.error()};

    out.octets = std::move(*head);
    const auto part = [&](std::string_view type, const std::string& text) {
        out.octets += "\r\n--" + boundary + "\r\nContent-Type: " + std::string(type) +
                      "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
                      quotedPrintable(text);
    };
    part("text/plain", out.body);
    part("text/html", render("templates/mail.html", fields, true));
    out.octets += "\r\n--" + boundary + "--\r\n";
    return out;
}

}  // namespace persona::mail
