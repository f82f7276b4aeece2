#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "libs/protocol/result.h"

namespace persona::domainkey {

/// A PKCS#11 module, loaded and called directly, with one token logged in. Operations that keep
/// state between two calls have a session to themselves. Any thread.
class Pkcs11Token {
  public:
    /// `pin` is used once and never kept or printed. Errors name module, token and remedy.
    static Result<std::shared_ptr<Pkcs11Token>> open(const std::string& module,
                                                     const std::string& token_label,
                                                     std::string_view pin);
    ~Pkcs11Token();
    Pkcs11Token(const Pkcs11Token&) = delete;
    Pkcs11Token& operator=(const Pkcs11Token&) = delete;

    /// A session for as long as the object lives; empty: the token has none to give.
    class Session {
      public:
        explicit Session(Pkcs11Token& token);
        ~Session();
        Session(const Session&) = delete;
        Session& operator=(const Session&) = delete;
        [[nodiscard]] bool ok() const { return handle_ != CK_INVALID_HANDLE; }
        [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }
        /// After a failed call: the session is not used again.
        void spoil() { good_ = false; }

      private:
        Pkcs11Token& token_;
        CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
        bool good_ = true;
    };

    /// While it lives, no object changes. SoftHSM calls a handle invalid while it writes the
    /// object.
    class Use {
      public:
        explicit Use(Pkcs11Token& token);

      private:
        std::shared_lock<std::shared_mutex> lock_;
    };
    /// While it lives, no object is in use. It waits for those that are, and not for later ones.
    class Change {
      public:
        explicit Change(Pkcs11Token& token) : turn_(token.turn_), lock_(token.objects_) {}

      private:
        const std::lock_guard<std::mutex> turn_;
        const std::lock_guard<std::shared_mutex> lock_;
    };

    [[nodiscard]] const CK_FUNCTION_LIST& calls() const { return *calls_; }
    /// The object of that class and label; nothing: none. Two of them are an error, as it would be
    /// chance which one signs.
    Result<std::optional<CK_OBJECT_HANDLE>> find(CK_OBJECT_CLASS kind, const std::string& label);
    /// Octets of an attribute; nothing: not to be had.
    std::optional<std::string> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    Pkcs11Token() = default;
    std::string load(const std::string& module);
    std::string login(const std::string& token_label, std::string_view pin);

    std::string name_;  ///< for messages
    void* library_ = nullptr;
    CK_FUNCTION_LIST* calls_ = nullptr;
    bool initialized_ = false;
    CK_SLOT_ID slot_ = 0;
    std::mutex turn_;  ///< before objects_, which alone would prefer its users to its changers
    std::shared_mutex objects_;
    std::mutex mutex_;
    std::vector<CK_SESSION_HANDLE> idle_;
};

/// "what: CKR_PIN_INCORRECT"
[[nodiscard]] std::string pkcs11Error(const std::string& what, CK_RV rv);

}  // namespace persona::domainkey
