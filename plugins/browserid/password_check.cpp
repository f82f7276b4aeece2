#include "plugins/browserid/password_check.h"

#include <openssl/crypto.h>

#include <chrono>
#include <memory>
#include <optional>

namespace persona::browserid {

namespace {

using protocol::Json;
using wsapi::Call;
using wsapi::Step;
using Events = wsapi::Events;

/// One check over its steps.
struct Attempt {
    std::int64_t userid = 0;
    std::string device;  ///< id of the caller's device, when the account knows it
    std::string password;
    std::function<Step(Call&, const PasswordCheck&)> then;
    wsapi::Answer if_busy;
    std::string hash;  ///< empty: nobody, or an account without a password
    wsapi::PendingAnswer reservation;
    PasswordCheck check;

    Attempt() = default;
    ~Attempt() { OPENSSL_cleanse(password.data(), password.size()); }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
};
using AttemptPtr = std::shared_ptr<Attempt>;

bool verify(const Reads& r, const std::string& password, const std::string& hash) {
    const auto start = std::chrono::steady_clock::now();
    const bool right = r.hasher.verify(password, hash);
    r.compare_time(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
    return right;
}

/// Tells the router what came of it, and goes on.
Step conclude(const AttemptPtr& a, Call& call) {
    const auto& c = a->check;
    if (!c.unavailable)
        call.outcomes.note(c.right          ? wsapi::Outcome::AuthOk
                           : c.locked       ? wsapi::Outcome::Locked
                           : a->userid == 0 ? wsapi::Outcome::AuthUnknown
                                            : wsapi::Outcome::AuthFail);
    return a->then(call, c);
}

Step unavailable(const Reads& r, const AttemptPtr& a, Call& call, const char* what) {
    r.events.security(Events::Level::Alert, "AUTH_FAILURE", what, &call.request);
    a->check.unavailable = true;
    return conclude(a, call);
}

/// Gives the attempt back where it was counted, with a hash of today's cost if the stored one is of
/// another.
Step succeed(const Reads& r, const AttemptPtr& a, Call& call,
             const std::optional<std::string>& counted, const std::optional<std::string>& rehash) {
    Json args = Json::object();
    args.add("userid", a->userid).add("hash", a->hash);
    if (counted) args.add("device", *counted);
    if (rehash) args.add("rehash", *rehash);
    const auto answer = r.write("reset_failed_auth_tries", args);
    const auto done = answer.json();
    if (!done) return unavailable(r, a, call, "Cannot clear failed authentication attempts");
    // Not successful: the password was changed while it was being checked.
    const auto* epoch = done->find("epoch");
    if (answer.succeeded() && epoch != nullptr) {
        if (rehash)
            r.events.security(Events::Level::Warn, "AUTH_UPDATE", "Updated password for user",
                              &call.request);
        a->check.right = true;
        a->check.epoch = static_cast<std::int64_t>(epoch->number());
    }
    return conclude(a, call);
}

/// Nothing is said of the password unless the attempt was granted.
Step settle(const Reads& r, const AttemptPtr& a, Call& call, bool right) {
    if (a->hash.empty()) return conclude(a, call);
    const auto reserved = a->reservation();
    const auto answer = reserved.json();
    if (!answer) return unavailable(r, a, call, "Cannot increment failed authentication attempts");
    a->check.locked = !reserved.succeeded();
    if (a->check.locked || !right) return conclude(a, call);
    std::optional<std::string> counted;
    if (const auto* device = answer->findText("device")) counted = *device;
    if (!r.hasher.needsRehash(a->hash)) return succeed(r, a, call, counted, std::nullopt);
    return wsapi::onPasswords(
        [&r, a, counted](Call&) -> Step {
            const auto fresh = r.hasher.hash(a->password);
            return {wsapi::Where::Work,
                    [&r, a, counted, rehash = fresh ? std::optional(*fresh) : std::nullopt](
                        Call& c) { return succeed(r, a, c, counted, rehash); },
                    a->if_busy};
        },
        a->if_busy);
}

/// While the attempt is being reserved, which takes a durable write, the password is hashed. So an
/// account that is there takes no longer than one that is not, and hashing threads wait for no
/// disk.
Step hash(const Reads& r, const AttemptPtr& a, Call& call) {
    // Nobody's id costs the same look.
    const auto user = r.reader.user(a->userid == 0 ? 1 : a->userid);
    if (!user) {
        a->check.unavailable = true;
        return conclude(a, call);
    }
    bool right = false;
    if (a->device.empty() && call.asked("step-up")) {
        // A stranger's word counts no more until a mail was answered; the owner's device is none.
        a->check.locked = a->userid != 0;
        r.hasher.verifyDummy(a->password);
    } else if (a->userid != 0 && *user && (*user)->password_hash) {
        a->hash = *(*user)->password_hash;
        Json reserve = Json::object();
        reserve.add("userid", a->userid);
        if (!a->device.empty()) reserve.add("device", a->device);
        a->reservation =
            r.roles.start("dbwriter", r.dbwriter, "increment_failed_auth_tries", reserve);
        right = verify(r, a->password, a->hash);
    } else {
        a->check.no_password = a->userid != 0 && user->has_value();
        r.hasher.verifyDummy(a->password);
    }
    return {wsapi::Where::Work, [&r, a, right](Call& c) { return settle(r, a, c, right); },
            a->if_busy};
}

}  // namespace

Step checkPassword(const Reads& r, Call& call, std::int64_t userid, std::string password,
                   std::function<Step(Call&, const PasswordCheck&)> then, wsapi::Answer if_busy) {
    auto a = std::make_shared<Attempt>();
    a->userid = userid;
    if (userid != 0)
        a->device = r.devices.find(call.request.cookie, userid, call.now_ms).value_or("");
    a->password = std::move(password);
    a->then = std::move(then);
    a->if_busy = std::move(if_busy);
    return wsapi::onPasswords([&r, a](Call& c) { return hash(r, a, c); }, a->if_busy);
}

}  // namespace persona::browserid
