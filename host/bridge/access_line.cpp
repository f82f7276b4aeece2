#include <charconv>

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

}  // namespace

void writeAccessLine(observe::AccessLog& log, const net::Exchange& exchange, const net::Summary& s,
                     std::string_view request_id) {
    thread_local std::string line;  // keeps its room from request to request
    line.clear();
    const std::string_view target = exchange.request.target;
    line.append(exchange.client_address).append(" - - \"");
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
