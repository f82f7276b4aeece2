#include <hiredis/hiredis.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <persona/sdk/counter_backend.hpp>
#include <stdexcept>
#include <string>

#include "plugins/antiabuse/state-redis/exchange.h"

/// Counts that several routers share, in a Redis server (or one that speaks its protocol).
namespace persona::state_redis {

namespace {

using Clock = std::chrono::steady_clock;

struct Free {
    void operator()(redisContext* c) const { ::redisFree(c); }
    void operator()(void* reply) const { ::freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, Free>;

std::string textOf(const redisReply& r) {
    return r.type == REDIS_REPLY_INTEGER ? std::to_string(r.integer)
           : r.str == nullptr            ? std::string()
                                         : std::string(r.str, r.len);
}

timeval until(Clock::time_point end) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now());
    if (left.count() <= 0) throw std::runtime_error("no answer within the deadline");
    return {left.count() / 1'000'000, left.count() % 1'000'000};
}

std::string secretIn(const std::string& file) {
    if (file.empty()) return "";
    std::ifstream in(file);
    std::string line;
    if (!std::getline(in, line) || line.empty())
        throw std::runtime_error("password_file: " + file + " cannot be read, or is empty");
    return line;
}

}  // namespace

class StateRedis final : public sdk::CounterBackend {
  public:
    static std::vector<psn_option> options() {
        return {sdk::option("address", PSN_OPT_STRING, "127.0.0.1:6379",
                            "of the server: HOST:PORT, or unix:/path"),
                sdk::option("user", PSN_OPT_STRING, "", "for AUTH; empty: the default user"),
                sdk::option("password_file", PSN_OPT_STRING, "",
                            "file with the password in its first line; empty: none is needed"),
                sdk::option("name", PSN_OPT_STRING, "persona",
                            "of this deployment, in all keys; routers with the same share")};
    }

    StateRedis(const psn_host* h, const psn_config* c)
        : CounterBackend(h, c),
          address_(config.str("address")),
          user_(config.str("user")),
          password_(secretIn(config.str("password_file"))),
          script_("aa:{" + config.str("name") + "}") {
        const auto colon = address_.rfind(':');
        if (!address_.starts_with("unix:/") &&
            (colon == std::string::npos || colon == 0 || port() <= 0 || port() > 65'535))
            throw std::runtime_error("address: expected HOST:PORT or unix:/path, got \"" +
                                     address_ + "\"");
        const auto octets = host.random(2 * sizeof(std::uint64_t));
        std::array<std::uint64_t, 2> numbers{};
        std::memcpy(numbers.data(), octets.data(), sizeof numbers);
        fresh_epoch_ = numbers[0] >> 1;
        peer_ = std::to_string(numbers[1]);
    }
    void deactivate() override { connection_.reset(); }

    void exchange(psn_shared_exchange& e, std::uint32_t deadline_ms) override {
        const auto end = Clock::now() + std::chrono::milliseconds(deadline_ms);
        try {
            if (!connection_) connect(end);
            ask(e, end);
        } catch (...) {
            // What is still on its way would be taken for the next answer.
            connection_.reset();
            throw;
        }
    }

  private:
    [[nodiscard]] int port() const {
        try {
            return std::stoi(address_.substr(address_.rfind(':') + 1));
        } catch (const std::exception&) {
            return 0;
        }
    }

    void connect(Clock::time_point end) {
        const auto timeout = until(end);
        connection_.reset(
            address_.starts_with("unix:")
                ? ::redisConnectUnixWithTimeout(address_.c_str() + 5, timeout)
                : ::redisConnectWithTimeout(address_.substr(0, address_.rfind(':')).c_str(), port(),
                                            timeout));
        if (!connection_) throw std::runtime_error("no memory for a connection");
        if (connection_->err != 0) fail("connect");
        if (!password_.empty()) {
            std::vector<std::string> auth{"AUTH"};
            if (!user_.empty()) auth.push_back(user_);
            auth.push_back(password_);
            need(*command(auth, end), "AUTH");
        }
        const auto loaded = command({"SCRIPT", "LOAD", Script::kText}, end);
        need(*loaded, "SCRIPT LOAD");
        sha_ = textOf(*loaded);
    }

    void ask(psn_shared_exchange& e, Clock::time_point end) {
        auto arguments = script_.argumentsOf(e, peer_, ++fresh_epoch_);
        arguments.insert(arguments.begin(), {"EVALSHA", sha_});
        auto reply = command(arguments, end);
        if (reply->type == REDIS_REPLY_ERROR && textOf(*reply).starts_with("NOSCRIPT")) {
            // Somebody emptied the cache of scripts.
            arguments[0] = "EVAL";
            arguments[1] = Script::kText;
            reply = command(arguments, end);
        }
        need(*reply, "the exchange");
        std::vector<std::string> answer;
        for (std::size_t i = 0; i < reply->elements; ++i)
            answer.push_back(textOf(*reply->element[i]));
        Script::read(answer, e);
    }

    Reply command(const std::vector<std::string>& words, Clock::time_point end) {
        if (::redisSetTimeout(connection_.get(), until(end)) != REDIS_OK) fail("timeout");
        std::vector<const char*> texts;
        std::vector<std::size_t> sizes;
        for (const auto& w : words) {
            texts.push_back(w.data());
            sizes.push_back(w.size());
        }
        Reply reply(static_cast<redisReply*>(::redisCommandArgv(
            connection_.get(), static_cast<int>(words.size()), texts.data(), sizes.data())));
        if (!reply) fail(words.front().c_str());
        return reply;
    }

    static void need(const redisReply& reply, const char* what) {
        if (reply.type == REDIS_REPLY_ERROR)
            throw std::runtime_error(std::string(what) + ": " + textOf(reply));
    }
    [[noreturn]] void fail(const char* what) const {
        throw std::runtime_error(address_ + ": " + what + ": " +
                                 (connection_->err == REDIS_ERR_IO && errno == EAGAIN
                                      ? "no answer within the deadline"
                                      : connection_->errstr));
    }

    const std::string address_, user_, password_;
    const Script script_;
    /// Another one for each exchange: a server that is emptied twice must not look as before.
    std::uint64_t fresh_epoch_ = 0;
    std::string peer_, sha_;
    std::unique_ptr<redisContext, Free> connection_;
};

}  // namespace persona::state_redis

PSN_COUNTER_BACKEND_PLUGIN(
    persona::state_redis::StateRedis,
    R"({"id":"state-redis","version":"0.1.0","vendor":"Persona","maturity":"beta","kinds":["counter-backend"],"sdk":"1.0"})")
