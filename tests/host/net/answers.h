#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace persona::host::net::testing {

/// Reads `all` as a client would: every answer has a sound head and the body that it announces;
/// only the last may break off. `heads`: among the requests was a HEAD, so an announced body may
/// stay out. Empty: sound, else what is not.
inline std::string checkAnswers(std::string_view all, bool heads = false) {
    while (!all.empty()) {
        const auto end = all.find("\r\n\r\n");
        if (end == std::string_view::npos) return "";  // cut by a reset
        const std::string head(all.substr(0, end + 4));
        if (!head.starts_with("HTTP/1.1 ")) return "no status line: " + head;
        all.remove_prefix(end + 4);
        const auto status = std::atoi(head.c_str() + 9);
        if (status == 100) continue;
        if (status < 200 || status > 599) return "status of " + head;
        if (heads && all.starts_with("HTTP/1.1 ") && checkAnswers(all, true).empty()) return "";
        if (const auto at = head.find("\r\nContent-Length: "); at != std::string::npos) {
            if (head.find("\r\nTransfer-Encoding: ") != std::string::npos)
                return "both framings: " + head;
            const auto size = std::strtoull(head.c_str() + at + 18, nullptr, 10);
            all.remove_prefix(std::min<std::size_t>(size, all.size()));
        } else if (head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string::npos) {
            for (;;) {
                const auto line = all.find("\r\n");
                if (line == std::string_view::npos) return "";
                const auto size =
                    std::strtoull(std::string(all.substr(0, line)).c_str(), nullptr, 16);
                all.remove_prefix(std::min<std::size_t>(line + 2 + size + 2, all.size()));
                if (size == 0) break;
            }
        } else {
            return "";  // until the end of the stream
        }
    }
    return "";
}

}  // namespace persona::host::net::testing
