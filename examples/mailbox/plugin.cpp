#include <persona/sdk/service.hpp>

#include <algorithm>
#include <filesystem>

#include "examples/common/pages.h"
#include "examples/mailbox/mail.h"
#include "libs/files/files.h"
#include "libs/protocol/json.h"

/// Shows the mails that the service "sent" into a folder, so that a link can be clicked without
/// reading a log. For one's own computer: whoever sees this page can take over every address.
namespace persona::examples {

using protocol::Json;

class Mailbox final : public sdk::Service {
  public:
    static std::vector<psn_option> options() {
        return {sdk::option("directory", PSN_OPT_STRING, "var/mail",
                            "folder with the .eml files of the mail transport 'file'"),
                sdk::option("www_dir", PSN_OPT_STRING, PERSONA_EXAMPLE_WWW,
                            "folder with the mailbox's pages")};
    }

    Mailbox(const psn_host* h, const psn_config* c)
        : Service(h, c),
          directory_(config.str("directory")),
          pages_(loadPages(config.str("www_dir"), {})) {
        RouteOptions blocking;
        blocking.blocking = true;
        route("GET", "/api/mails", "mails", blocking, [this](const sdk::Stream& s) { list(s); });
        blocking.match = PSN_MATCH_PREFIX;
        route("GET", "/mail/", "mail", blocking, [this](const sdk::Stream& s) { part(s); });
        RouteOptions all;
        all.match = PSN_MATCH_PREFIX;
        route("GET", "/", "page", all, [this](const sdk::Stream& s) { page(s); });
    }

  private:
    static constexpr std::size_t kMaxMail = 1'048'576, kShown = 50;

    /// Only from this computer, whatever the listener says: not through a proxy on it, and not
    /// from a page whose name was made to lead here (DNS rebinding).
    static bool isLocal(const sdk::Stream& s) {
        const auto peer = sdk::view(s.request().peer_address);
        if (!peer.starts_with("127.") && peer != "::1" && peer != "unix") return false;
        for (const char* proxied : {"x-forwarded-for", "forwarded", "via"})
            if (!s.header(proxied).empty()) return false;
        return isLocalName(s.header("host"));
    }

    void list(const sdk::Stream& s) const {
        if (!isLocal(s)) return (void)s.text(403, "From this computer only.\n");
        std::vector<std::string> names;
        std::error_code error;
        for (const auto& e : std::filesystem::directory_iterator(directory_, error))
            if (e.path().extension() == ".eml") names.push_back(e.path().stem().string());
        std::sort(names.rbegin(), names.rend());  // names begin with the time
        if (names.size() > kShown) names.resize(kShown);
        Json all = Json::array();
        for (const auto& name : names) {
            const auto mail = read(name);
            if (!mail) continue;
            Json one = Json::object();
            one.add("id", name)
                .add("to", mail->to)
                .add("subject", mail->subject)
                .add("link", mail->link)
                .add("at", static_cast<std::int64_t>(std::strtoll(name.c_str(), nullptr, 10)));
            all.push(one);
        }
        s.respond(200, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
                  all.dump());
    }

    [[nodiscard]] std::optional<Mail> read(const std::string& name) const {
        // What is not a plain name is not a mail of ours.
        if (name.empty() ||
            name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != std::string::npos)
            return std::nullopt;
        const auto octets = files::readFile(directory_ + "/" + name + ".eml", kMaxMail);
        return octets ? parseMail(*octets) : std::nullopt;
    }

    void part(const sdk::Stream& s) const {
        if (!isLocal(s)) return (void)s.text(403, "From this computer only.\n");
        const auto name = s.path().substr(6);
        const auto dot = name.rfind('.');
        const auto mail = read(std::string(name.substr(0, dot)));
        if (!mail) return (void)s.text(404, "There is no such mail.\n");
        if (name.ends_with(".txt")) return (void)s.text(200, mail->text);
        // The mail's own markup: no scripts, no forms, links open in windows of their own.
        s.respond(200,
                  {{"Content-Type", "text/html; charset=utf-8"},
                   {"Cache-Control", "no-store"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; "
                    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"}},
                  "<base target=\"_blank\">" + mail->html);
    }

    void page(const sdk::Stream& s) const {
        if (!isLocal(s)) return (void)s.text(403, "From this computer only.\n");
        const auto found = pages_.find(s.path() == "/" ? "index.html" : s.path().substr(1));
        if (found == pages_.end()) return (void)s.text(404, "There is no such page.\n");
        s.respond(200,
                  {{"Content-Type", contentType(found->first)},
                   {"Cache-Control", "no-cache"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"Content-Security-Policy",
                    "default-src 'self'; img-src 'self' data:; base-uri 'none'"}},
                  found->second);
    }

    const std::string directory_;
    const std::map<std::string, std::string, std::less<>> pages_;
};

}  // namespace persona::examples

PSN_SERVICE_PLUGIN(
    persona::examples::Mailbox,
    R"({"id":"example-mailbox","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["http-service"],"sdk":"1.0"})")
