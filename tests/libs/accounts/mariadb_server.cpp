#include "tests/libs/accounts/mariadb_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace persona::accounts {

namespace {

unsigned freePort() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    const bool ok = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(fd);
    if (!ok) throw std::runtime_error("no free port");
    return ntohs(address.sin_port);
}

}  // namespace

MariaDbServer::MariaDbServer(std::string options) : options_(std::move(options)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "mariadb-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    // --force: the machine's name need not be one that can be looked up.
    const std::string install =
        "mariadb-install-db --no-defaults --datadir='" + directory_ +
        "/data' --auth-root-authentication-method=normal --skip-test-db --force" +
        (::geteuid() == 0 ? " --user=root" : "") + " >'" + directory_ + "/log' 2>&1";
    if (std::system(install.c_str()) != 0)
        throw std::runtime_error("mariadb-install-db failed (is mariadb-server installed?): " +
                                 log());
    start();
}

MariaDbServer::~MariaDbServer() {
    kill();
    std::filesystem::remove_all(directory_);
}

MariaDbServer& MariaDbServer::shared() {
    static MariaDbServer server;
    return server;
}

void MariaDbServer::start() {
    if (port_ == 0) port_ = freePort();
    std::vector<std::string> words{"mariadbd",
                                   "--no-defaults",
                                   "--datadir=" + directory_ + "/data",
                                   "--socket=" + directory_ + "/socket",
                                   "--pid-file=" + directory_ + "/pid",
                                   "--bind-address=127.0.0.1",
                                   "--port=" + std::to_string(port_),
                                   "--skip-name-resolve",
                                   "--innodb-buffer-pool-size=32M",
                                   "--innodb-log-file-size=16M",
                                   "--max-connections=200"};
    if (::geteuid() == 0) words.emplace_back("--user=root");
    std::istringstream more(options_);
    words.insert(words.end(), std::istream_iterator<std::string>(more), {});
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::fflush(nullptr);  // or the child prints what waits in our buffers once more
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        if (::freopen((directory_ + "/log").c_str(), "a", stdout) == nullptr) ::_exit(1);
        ::dup2(1, 2);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    for (int i = 0; i < 600; ++i) {
        if (answers()) return;
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = -1;
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    throw std::runtime_error("mariadbd does not start: " + log());
}

std::string MariaDbServer::client() const {
    return "mariadb --no-defaults -N -B -u root -h 127.0.0.1 -P " + std::to_string(port_);
}

bool MariaDbServer::answers() const {
    return std::system((client() + " -e 'SELECT 1' >/dev/null 2>&1").c_str()) == 0;
}

int MariaDbServer::shell(const std::string& command) const {
    return std::system(("CLIENT=\"" + client() + "\"; " + command).c_str());
}

std::string MariaDbServer::sql(const std::string& text) const {
    // Several threads may ask at once.
    static std::atomic<int> number{0};
    const auto file = directory_ + "/statements-" + std::to_string(++number);
    std::ofstream(file) << text;
    FILE* pipe = ::popen((client() + " <'" + file + "' 2>&1").c_str(), "r");
    std::string out;
    std::array<char, 4096> buffer{};
    while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe))
        out.append(buffer.data(), n);
    const bool ok = ::pclose(pipe) == 0;
    std::filesystem::remove(file);
    if (!ok) throw std::runtime_error("mariadb: " + out);
    return out;
}

void MariaDbServer::pause() const {
    ::kill(pid_, SIGSTOP);
    ::waitpid(pid_, nullptr, WUNTRACED);  // until all its threads have stopped
}

void MariaDbServer::resume() const {
    ::kill(pid_, SIGCONT);
}

void MariaDbServer::kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

void MariaDbServer::stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::string MariaDbServer::log() const {
    std::ifstream file(directory_ + "/log");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace persona::accounts
