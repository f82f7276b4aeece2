#include <array>
#include <charconv>
#include <ctime>

#include "host/bridge/stream.h"

namespace persona::host::bridge {

namespace {

void appendNumber(std::string& out, std::uint64_t n) {
    std::array<char, 24> text{};
    out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), n).ptr);
}

/// What a client sent, so that it can neither end the line nor a quoted part of it.
void appendClean(std::string& out, std::string_view text) {
    for (const char c : text)
        out.push_back(c == '"' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '_' : c);
}

/// "[30/Nov/2026:16:10:28 +0000] ", as every reader of such logs knows it; made once a second.
void appendTime(std::string& out) {
    thread_local std::time_t made_for = 0;
    thread_local std::array<char, 32> text{};
    const auto now = std::time(nullptr);
    if (now != made_for) {
        std::tm t{};
        ::gmtime_r(&now, &t);
        std::strftime(text.data(), text.size(), "[%d/%b/%Y:%H:%M:%S +0000] ", &t);
        made_for = now;
    }
    out.append(text.data());
}

}  // namespace

void writeAccessLine(observe::AccessLog& log, const net::Exchange& exchange, const net::Summary& s,
                     std::string_view request_id) {
    thread_local std::string line;  // keeps its room from request to request
    line.clear();
    const std::string_view target = exchange.request.target;
    line.append(exchange.client_address).append(" - - ");
    appendTime(line);
    line.push_back('"');
    appendClean(line, exchange.request.method);
    line.push_back(' ');
    appendClean(line, target.substr(0, target.find('?')));
    line.append(exchange.request.minor == 0 ? " HTTP/1.0\" " : " HTTP/1.1\" ");
    appendNumber(line, s.status);
    line.push_back(' ');
    appendNumber(line, static_cast<std::uint64_t>(s.duration_ns / 1'000));
    line.append("us ");
    appendNumber(line, s.response_bytes);
    line.append(" ").append(s.upstream.empty() ? "-" : s.upstream).append(" \"");
    appendClean(line, exchange.request.fields.find("user-agent").value_or("-").substr(0, 200));
    line.append("\" ").append(request_id.empty() ? "-" : request_id);
    line.append(s.aborted ? " aborted\n" : "\n");
    log.write(line);
}

}  // namespace persona::host::bridge
