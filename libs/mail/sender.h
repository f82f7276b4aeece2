#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "libs/mail/message.h"
#include "libs/protocol/result.h"

namespace persona::mail {

/// The port through which the roles send mail. Tests put their own behind it.
class Sender {
  public:
    /// Counts since the start; `queued` is the present number.
    struct Counts {
        std::uint64_t accepted = 0, delivered = 0, retried = 0, dead = 0, queued = 0;
    };

    virtual ~Sender() = default;
    /// Takes the message over: once the answer is ok (its value is the Message-ID), the message
    /// survives a crash and a restart of the process and is delivered at least once, or ends as a
    /// dead letter with a log line. Blocks for a write to disk, never for the network. An error is
    /// a message that must not be sent (bad address, token, ...), a full queue or a disk that
    /// refuses; its text has neither address nor token. Any thread.
    [[nodiscard]] virtual Result<std::string> send(const Message& message) = 0;
    /// What happened at the other end.
    struct Delivery {
        std::string message_id;
        std::string where;  ///< "mail.example:587", a directory, "stdout"
    };
    /// Delivers at once, past the queue, and waits for the other end's answer; nothing is tried
    /// again. Blocks for the network, as long as the options' limits allow. An error says where it
    /// came to nothing and which option to look at; it has no address. Any thread.
    [[nodiscard]] virtual Result<Delivery> sendNow(const Message& message) = 0;
    [[nodiscard]] virtual Counts counts() const = 0;
    /// The queue has no room: send() would refuse. To be asked before work is done for a mail.
    [[nodiscard]] virtual bool full() const { return false; }
    /// Stops delivering: the message that is being sent gets `grace` to end, the rest stays in the
    /// queue for the next start. send() fails afterwards. Called by the destructor too. A look-up
    /// of the server's name and a TLS handshake that are under way are waited for.
    virtual void stop(std::chrono::milliseconds grace) = 0;
};

enum class Level { Debug, Info, Warning, Error };

/// What the library takes from the program around it; the defaults are the system's.
struct Environment {
    std::function<void(Level, const std::string&)>
        log;                                         ///< no address and no token ever; any thread
    std::function<std::int64_t()> now_ms;            ///< wall clock
    std::function<std::string(std::size_t)> random;  ///< that many random octets
};

enum class Transport {
    Console,  ///< prints the whole message to stdout, the link alone on its line
    File,     ///< one .eml for each message in `directory`
    Smtp,     ///< through a queue in `directory` to `smtp`
};

struct SmtpOptions {
    enum class Tls {
        None,      ///< plain text: a server on this machine
        StartTls,  ///< STARTTLS is required, certificate and name are checked
        Implicit,  ///< TLS from the first octet (port 465)
    };
    std::string host = "localhost";
    std::uint16_t port = 25;
    std::string user, password;  ///< AUTH PLAIN or LOGIN; only over TLS or to a loopback address
    Tls tls = Tls::None;
    std::string ca_file;          ///< PEM; empty: the system's authorities
    std::string helo;             ///< name in EHLO; empty: the host of public_url
    std::size_t connections = 2;  ///< at most; opened when there is work
    std::size_t messages_per_connection = 100;
    std::chrono::milliseconds connect_timeout{10'000};  ///< also of the TLS handshake
    std::chrono::milliseconds reply_timeout{60'000};    ///< for each reply as a whole
    std::chrono::milliseconds idle_timeout{10'000};     ///< an unused connection is closed after
    std::chrono::milliseconds retry_first{15'000};      ///< doubles each time, +-25 %
    std::chrono::milliseconds retry_most{1'800'000};
};

struct Options {
    Transport transport = Transport::Console;
    std::string public_url;  ///< origin of the service, no slash at end
    std::string from = "Persona <no-reply@persona.org>";  ///< send_from_address
    std::string wordmark_url;   ///< image shown without a site logo; empty: the name as text
    bool remote_logos = false;  ///< W32: put the sites' own https logos into the HTML
    std::string directory;      ///< of File and Smtp; made with mode 0700 when it is not there
    std::size_t max_queued = 100'000;              ///< send() refuses beyond
    std::chrono::hours keep_dead_letters{7 * 24};  ///< they are deleted after
    SmtpOptions smtp;
};

/// Checks the options, makes the directories and, for Smtp, starts the delivery threads, which
/// begin with what an earlier process left. Two processes may share a directory: the first one
/// delivers, the other takes over when the first ends.
[[nodiscard]] Result<std::unique_ptr<Sender>> makeSender(Options options, Environment environment);

}  // namespace persona::mail
