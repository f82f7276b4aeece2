#include "host/module/crash_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

namespace persona::host::module {

std::set<std::string> CrashLog::quarantined(std::int64_t now) {
    std::map<std::string, int> crashes;
    std::string kept;
    bool any_old = false;
    {
        std::ifstream in(file_);
        for (std::string line; std::getline(in, line);) {
            std::istringstream words(line);
            std::int64_t when = 0;
            std::string hash, id;
            const bool sound = static_cast<bool>(words >> when >> hash >> id) && hash.size() == 64;
            // A clock that stepped back leaves lines from the future: they are forgotten too.
            if (!sound || when > now || now - when > kWindowSeconds) {
                any_old = true;
                continue;
            }
            ++crashes[hash];
            kept += line + "\n";
        }
    }
    if (any_old) {
        const std::string fresh = file_ + ".new";
        std::ofstream(fresh, std::ios::trunc) << kept;
        if (std::rename(fresh.c_str(), file_.c_str()) != 0) ::unlink(fresh.c_str());
    }
    std::set<std::string> out;
    for (const auto& [hash, n] : crashes)
        if (n >= kCrashes) out.insert(hash);
    return out;
}

int CrashLog::openForCrash() const {
    return ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

void CrashLog::record(int fd, std::int64_t now, const char* hash, const char* id) {
    if (fd < 0) return;
    char line[256];
    std::size_t at = 0;
    char digits[24];
    std::size_t n = 0;
    do {
        digits[n++] = static_cast<char>('0' + now % 10);
        now /= 10;
    } while (now > 0 && n < sizeof digits);
    while (n > 0) line[at++] = digits[--n];
    const auto append = [&](const char* text) {
        line[at++] = ' ';
        for (; *text != '\0' && at < sizeof line - 2; ++text) line[at++] = *text;
    };
    append(hash);
    append(id);
    line[at++] = '\n';
    [[maybe_unused]] const auto written = ::write(fd, line, at);
}

}  // namespace persona::host::module
