#include "libs/wsapi/cef.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <ctime>

namespace persona::wsapi {

namespace {

constexpr std::size_t kMostOctets = 1'023;
constexpr int kFacilityUser = 1;

int severityOf(Severity s) {
    return s == Severity::Alert ? 9 : s == Severity::Warn ? 6 : 4;
}

/// Backslash before what means something there; what would end the line or the record is a blank.
std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos) out.push_back('\\');
        out.push_back(static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c);
    }
    return out;
}

/// "Nov  5 07:09:01", in local time as syslog has it.
std::string stamp(std::int64_t now_s) {
    const auto seconds = static_cast<std::time_t>(now_s);
    std::tm t{};
    ::localtime_r(&seconds, &t);
    constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::array<char, 32> out{};
    (void)std::snprintf(out.data(), out.size(), "%s %2d %02d:%02d:%02d",
                        kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_mday, t.tm_hour, t.tm_min,
                        t.tm_sec);
    return out.data();
}

}  // namespace

std::string cefLine(const CefOptions& o, Severity severity, std::string_view signature,
                    std::string_view name, const Request* about, std::int64_t now_s, int pid) {
    const int cef = severityOf(severity);
    std::string out = "<" + std::to_string(kFacilityUser * 8 + 10 - cef) + "> " + stamp(now_s) +
                      " " + o.tag + "[" + std::to_string(pid) + "] CEF:0";
    const auto field = [&](std::string_view text) { out += "|" + escaped(text, "|\\"); };
    field(o.vendor);
    field(o.product);
    field(o.version);
    field(signature);
    field(name);
    field(std::to_string(cef));
    out += "|";
    std::string_view blank;
    const auto extension = [&](std::string_view key, std::string_view text) {
        if (text.empty()) return;
        out.append(blank).append(key).append("=").append(escaped(text, "=\\"));
        blank = " ";
    };
    if (about != nullptr) {
        extension("request", "/wsapi/" + about->op);
        extension("requestMethod", about->method);
        extension("requestContext", about->user_agent);
    }
    extension("dhost", o.own_host);
    if (out.size() > kMostOctets) out.resize(kMostOctets);
    return out;
}

Result<std::unique_ptr<CefSyslog>> CefSyslog::open(CefOptions options) {
    const auto where = "cef.syslog_host " + options.host + ": ";
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_DGRAM;
    const int code =
        ::getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
    if (code != 0) return Error{where + ::gai_strerror(code)};
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
    for (const auto* a = list.get(); a != nullptr; a = a->ai_next) {
        const int fd = ::socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) continue;
        if (::connect(fd, a->ai_addr, a->ai_addrlen) == 0)
            return std::unique_ptr<CefSyslog>(new CefSyslog(std::move(options), fd));
        ::close(fd);
    }
    return Error{where + "no socket to be had for any of its addresses"};
}

CefSyslog::~CefSyslog() {
    ::close(fd_);
}

void CefSyslog::send(Severity severity, std::string_view signature, std::string_view name,
                     const Request* about) const {
    const auto line =
        cefLine(options_, severity, signature, name, about, ::time(nullptr), ::getpid());
    (void)::send(fd_, line.data(), line.size(), MSG_NOSIGNAL);
}

}  // namespace persona::wsapi
