#include "host/app/doctor.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cctype>
#include <cstring>
#include <ctime>

#include "host/app/database_greeting.h"
#include "host/app/fetch.h"

namespace persona::host::app {

namespace {

constexpr std::int64_t kClockSeconds = 30;
constexpr std::uint64_t kDiskOctets = 200ULL << 20;

class Findings {
  public:
    explicit Findings(std::ostream& out) : out_(out) {}
    void ok(const std::string& what, const std::string& text) { line("ok  ", what, text); }
    void warn(const std::string& what, const std::string& text) { line("warn", what, text); }
    void fail(const std::string& what, const std::string& text) {
        ++failed_;
        line("FAIL", what, text);
    }
    [[nodiscard]] int failed() const { return failed_; }

  private:
    void line(const char* how, const std::string& what, const std::string& text) {
        out_ << how << "  " << what << ": " << text << "\n";
    }
    std::ostream& out_;
    int failed_ = 0;
};

std::string whyNot(const net::ClientResult& r) {
    return r.status != 0 ? "status " + std::to_string(r.status) : r.detail;
}

/// All texts of that name's TXT records.
std::string texts(const std::string& name) {
    unsigned char answer[8192];
    const int size = ::res_query(name.c_str(), ns_c_in, ns_t_txt, answer, sizeof answer);
    std::string out;
    ns_msg message;
    if (size <= 0 || ::ns_initparse(answer, size, &message) != 0) return out;
    for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
        ns_rr record;
        if (::ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_txt)
            continue;
        const auto* data = ns_rr_rdata(record);
        for (std::size_t at = 0, end = ns_rr_rdlen(record); at < end;) {
            const std::size_t n = data[at];
            if (at + 1 + n > end) break;
            out.append(reinterpret_cast<const char*>(data) + at + 1, n);
            at += 1 + n;
        }
        out += "\n";
    }
    return out;
}

class Examination {
  public:
    Examination(const Host& host, std::ostream& out) : host_(host), found(out) {}

    void publicAddress() {
        const auto url = host_.option("public_url");
        if (url.empty()) return;
        const auto& trust = host_.settings().engine.outbound;
        const auto beat = fetch(trust, url + "/__heartbeat__");
        if (beat.status != 200)
            return found.fail("public_url", url + " does not answer: " + whyNot(beat) +
                                                "; look at the proxy, its certificate and DNS");
        found.ok("public_url", url + " answers");
        clock(std::string(beat.fields.find("Date").value_or("")));
        supportDocument(trust, url);
        cookies(trust, url);
    }

    void listeners() {
        std::uint64_t connections = 0;
        for (const auto& l : host_.settings().engine.listeners) {
            connections += l.limits.connections;
            for (const auto& c : l.trusted_proxies)
                if (c.ends_with("/0"))
                    found.fail("listener " + l.name,
                               "trusted_proxies has " + c +
                                   ": anybody may say which address he has; name the proxies");
        }
        rlimit files{};
        ::getrlimit(RLIMIT_NOFILE, &files);
        const auto text = std::to_string(files.rlim_max) + " descriptors, listeners take " +
                          std::to_string(connections) + " connections";
        if (files.rlim_max < connections)
            found.warn("descriptors", text + "; raise LimitNOFILE= or lower limits.connections");
        else
            found.ok("descriptors", text);
    }

    void sender() {
        const auto from = host_.option("send_from_address");
        const auto at = from.rfind('@');
        if (at == std::string::npos) return;
        auto domain = from.substr(at + 1);
        while (!domain.empty() && (domain.back() == '>' || domain.back() == ' ')) domain.pop_back();
        record("SPF", domain, "v=spf1");
        record("DMARC", "_dmarc." + domain, "v=DMARC1");
    }

    void files() {
        for (const char* name : {"domain_key.file", "domain_key.pkcs11.pin_file"})
            secretFile(name, 077);
        for (const char* name :
             {"secrets.roles", "secrets.class", "secrets.cookie", "secrets.passwords"})
            secretFile(name, 07);
        for (const auto& directory : {host_.settings().state_dir, host_.option("mail.directory")})
            disk(directory);
    }

    void database() {
        const auto driver = host_.option("database.driver");
        if (driver == "sqlite") {
            const auto file = host_.option("database.file");
            if (::access(file.c_str(), R_OK | W_OK) != 0)
                return found.fail("database",
                                  file + ": " + std::strerror(errno) +
                                      "; dbwriter makes it at its first start; this user must be "
                                      "able to write it and its directory");
            return found.ok("database", file);
        }
        if (driver.empty()) return;
        const auto host = host_.option("database.host"), port = host_.option("database.port");
        const auto greeting = greetDatabase(host, port);
        const auto where = host + ":" + port;
        if (!greeting.error.empty())
            return found.fail("database", where + ": " + greeting.error +
                                              "; look at database.host and database.port");
        const auto text = where + " is " + greeting.version + ", reached in " +
                          std::to_string(greeting.elapsed_ms) + " ms";
        if (const auto wanted = tooOld(greeting.version); !wanted.empty())
            return found.warn("database",
                              text + "; " + wanted + " or newer is what it is tested with");
        found.ok("database", text);
    }

    [[nodiscard]] int failed() const { return found.failed(); }

  private:
    void clock(const std::string& date) {
        tm then{};
        if (::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &then) == nullptr)
            return found.warn("clock", "the answer has no Date to compare with");
        const auto off = static_cast<std::int64_t>(::timegm(&then)) - ::time(nullptr);
        const auto text =
            std::to_string(off) + " s between this machine and " + host_.option("public_url");
        if (off > kClockSeconds || off < -kClockSeconds)
            found.fail("clock",
                       text + ": certificates and assertions have times; run an NTP client");
        else
            found.ok("clock", text);
    }

    void supportDocument(const net::TlsClientSettings& trust, const std::string& url) {
        const auto document = fetch(trust, url + "/.well-known/browserid");
        if (document.status != 200)
            return found.fail("support document",
                              "/.well-known/browserid: " + whyNot(document) +
                                  "; static must run and be able to read domain_key.public_file");
        if (document.body.find("\"public-key\"") == std::string::npos)
            return found.fail("support document", "it has no public-key");
        found.ok("support document", std::to_string(document.body.size()) + " octets");
    }

    void cookies(const net::TlsClientSettings& trust, const std::string& url) {
        const auto context = fetch(trust, url + "/wsapi/session_context");
        if (context.status != 200)
            return found.fail("cookies", "/wsapi/session_context: " + whyNot(context));
        std::string cookie(context.fields.find("Set-Cookie").value_or(""));
        if (cookie.empty()) return found.warn("cookies", "session_context sets none");
        for (auto& c : cookie) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        for (const char* flag : {"httponly", "secure"}) {
            if (flag[0] == 's' && !url.starts_with("https:")) continue;
            if (cookie.find(flag) == std::string::npos)
                return found.fail("cookies", std::string("without ") + flag +
                                                 ": does the proxy change Set-Cookie?");
        }
        if (!url.starts_with("https:"))
            return found.warn("cookies", "public_url is not https: anybody on the way has them");
        found.ok("cookies", "HttpOnly and Secure");
    }

    void record(const std::string& what, const std::string& name, const std::string& begins) {
        if (texts(name).find(begins) != std::string::npos) return found.ok(what, name);
        found.warn(what,
                   "no TXT record with " + begins + " at " + name +
                       ": receivers may take the mails for forgeries (or DNS did not answer)");
    }

    void secretFile(const std::string& option, mode_t others) {
        const auto file = host_.option(option);
        if (file.empty()) return;
        struct stat st {};
        if (::stat(file.c_str(), &st) != 0)
            return found.warn(option, file + ": " + std::strerror(errno) +
                                          "; it is made at the first start, where that may be");
        if ((st.st_mode & others) != 0)
            return found.fail(option, file + " can be read or written by others: chmod " +
                                          (others == 077 ? "600 " : "o-rwx ") + file);
        if (::access(file.c_str(), R_OK) != 0)
            return found.fail(option, file + " cannot be read by this user");
        found.ok(option, file);
    }

    void disk(const std::string& directory) {
        struct statvfs fs {};
        if (directory.empty() || ::statvfs(directory.c_str(), &fs) != 0) return;
        const auto free = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
        const auto text = directory + " has " + std::to_string(free >> 20) + " MiB free";
        if (free < kDiskOctets)
            found.fail("disk", text + "; 200 are the least that is sane");
        else
            found.ok("disk", text);
    }

    const Host& host_;

  public:
    Findings found;
};

}  // namespace

int examine(const Host& host, std::ostream& out) {
    Examination examination(host, out);
    examination.found.ok("configuration", "as check-config has it");
    examination.listeners();
    examination.files();
    examination.database();
    examination.sender();
    examination.publicAddress();
    return examination.failed();
}

}  // namespace persona::host::app
