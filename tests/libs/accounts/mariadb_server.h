#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace persona::accounts {

/// A real mariadb-server on a data directory and a port of its own; it ends with this process.
/// Throws std::runtime_error with the server's log when it cannot.
class MariaDbServer {
  public:
    /// `options`: more command line options.
    explicit MariaDbServer(std::string options = "");
    ~MariaDbServer();
    MariaDbServer(const MariaDbServer&) = delete;
    MariaDbServer& operator=(const MariaDbServer&) = delete;

    [[nodiscard]] unsigned port() const { return port_; }
    /// Runs SQL as root through the server's own client; its output. Throws on an error.
    std::string sql(const std::string& text) const;
    /// Runs a shell command with $CLIENT set to the client's command line.
    int shell(const std::string& command) const;

    void pause() const;   ///< SIGSTOP
    void resume() const;  ///< SIGCONT
    void kill();          ///< SIGKILL, awaited
    void stop();          ///< SIGTERM, awaited
    void start();         ///< and waits until it answers

    /// One for the whole test program, started when it is first asked for.
    static MariaDbServer& shared();

  private:
    [[nodiscard]] std::string client() const;
    [[nodiscard]] bool answers() const;
    std::string log() const;

    std::string directory_, options_;
    unsigned port_ = 0;
    pid_t pid_ = -1;
};

}  // namespace persona::accounts
