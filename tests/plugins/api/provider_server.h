#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libs/protocol/key.h"

namespace persona::api {

/// Primary identity providers for tests: one small HTTP server that answers for several domains by
/// the operator's overrides. Every other domain goes to a proxy that is not there, and so is no
/// provider, without anybody's name server being asked.
///   live.example      a provider           disabled.example  says that it is disabled
///   down.example      500                  delegated.example delegates to live.example
///   huge.example      a provider, but 80 kB of text                 plain.example  as text/plain
///   moved.example     a redirect to live   endless.example   80 kB without a length
///   held.example      a provider that answers when meanwhile() is done
class ProviderServer {
  public:
    static ProviderServer& shared();
    ~ProviderServer();
    /// Lines of configuration that make a service ask here.
    [[nodiscard]] std::vector<std::string> configuration() const;
    /// What live.example answers, head and all.
    [[nodiscard]] std::string document() const { return answer("live"); }
    /// Is done once, while whoever asks for held.example's document waits for it; on the server's
    /// thread, so that no other provider answers meanwhile.
    void meanwhile(std::function<void()> act);
    /// A backed assertion by live.example, signed with its key.
    [[nodiscard]] std::string assertion(const std::string& email, const std::string& audience,
                                        const std::string& issuer = "live.example") const;

  private:
    ProviderServer();
    void serve();
    [[nodiscard]] std::string answer(const std::string& path) const;
    protocol::SecretKey key_;
    int listener_ = -1;
    unsigned short port_ = 0;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::function<void()> meanwhile_;
    std::thread thread_;
};

}  // namespace persona::api
