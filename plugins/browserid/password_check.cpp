#include "plugins/browserid/password_check.h"

#include <openssl/crypto.h>

#include <chrono>
#include <memory>

namespace persona::browserid {

namespace {

using protocol::Json;

/// A password on its way; wiped with its last holder.
class Secret {
  public:
    explicit Secret(std::string text) : text_(std::move(text)) {}
    ~Secret() { OPENSSL_cleanse(text_.data(), text_.size()); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

bool verify(const Reads& r, const std::string& password, const std::string& hash) {
    const auto start = std::chrono::steady_clock::now();
    const bool right = r.hasher.verify(password, hash);
    r.compare_time(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    return right;
}

PasswordCheck run(const Reads& r, std::int64_t userid, const std::string& device,
                  const std::string& password) {
    PasswordCheck out;
    const auto dummy = [&] { r.hasher.verifyDummy(password); };
    if (userid == 0) {
        dummy();
        return out;
    }
    const auto user = r.reader.user(userid);
    if (!user) {
        out.unavailable = true;
        return out;
    }
    if (!*user || !(*user)->password_hash) {
        out.no_password = user->has_value();
        dummy();
        return out;
    }
    const auto& hash = *(*user)->password_hash;
    Json reserve = Json::object();
    reserve.add("userid", userid);
    if (!device.empty()) reserve.add("device", device);
    const auto reserved = r.write("increment_failed_auth_tries", reserve);
    const auto answer = reserved.json();
    if (!answer) {
        r.events.security(wsapi::Events::Level::Alert, "AUTH_FAILURE",
                          "Cannot increment failed authentication attempts");
        out.unavailable = true;
        return out;
    }
    if (!reserved.succeeded()) {
        out.locked = true;
        dummy();
        return out;
    }
    if (!verify(r, password, hash)) return out;
    Json success = Json::object();
    success.add("userid", userid).add("hash", hash);
    // Where the attempt was counted, there it is given back.
    if (const auto* counted = answer->findText("device")) success.add("device", *counted);
    if (r.hasher.needsRehash(hash))
        if (const auto fresh = r.hasher.hash(password)) success.add("rehash", *fresh);
    const auto given_back = r.write("reset_failed_auth_tries", success);
    const auto done = given_back.json();
    if (!done) {
        r.events.security(wsapi::Events::Level::Alert, "AUTH_FAILURE",
                          "Cannot clear failed authentication attempts");
        out.unavailable = true;
        return out;
    }
    // Not successful: the password was changed while it was being checked.
    const auto* epoch = done->find("epoch");
    if (!given_back.succeeded() || epoch == nullptr) return out;
    if (success.find("rehash") != nullptr)
        r.events.security(wsapi::Events::Level::Warn, "AUTH_UPDATE", "Updated password for user");
    out.right = true;
    out.epoch = static_cast<std::int64_t>(epoch->number());
    return out;
}

}  // namespace

wsapi::Step checkPassword(const Reads& r, wsapi::Call& call, std::int64_t userid,
                          std::string password,
                          std::function<wsapi::Step(wsapi::Call&, const PasswordCheck&)> then,
                          wsapi::Answer if_busy) {
    auto device = userid == 0
                      ? std::string()
                      : r.devices.find(call.request.cookie, userid, call.now_ms).value_or("");
    auto secret = std::make_shared<Secret>(std::move(password));
    return wsapi::onPasswords(
        [&r, userid, device = std::move(device), secret, then = std::move(then)](wsapi::Call& c)
            -> wsapi::Step { return then(c, run(r, userid, device, secret->text())); },
        std::move(if_busy));
}

}  // namespace persona::browserid
