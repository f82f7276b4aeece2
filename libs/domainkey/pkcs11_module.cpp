#include "libs/domainkey/pkcs11_module.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>

namespace persona::domainkey {

std::string pkcs11Error(const std::string& what, CK_RV rv) {
    struct Name {
        CK_RV rv;
        const char* name;
    };
    static constexpr Name kNames[] = {
        {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT"},
        {CKR_PIN_LOCKED, "CKR_PIN_LOCKED"},
        {CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED"},
        {CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE"},
        {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED"},
        {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT"},
        {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR"},
        {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED"},
        {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID"},
        {CKR_SESSION_COUNT, "CKR_SESSION_COUNT"},
        {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID"},
        {CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED"},
        {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID"},
        {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID"},
        {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED"},
        {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN"},
        {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR"}};
    for (const auto& n : kNames)
        if (n.rv == rv) return what + ": " + n.name;
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), ": CKR 0x%lx", static_cast<unsigned long>(rv));
    return what + text.data();
}

Result<std::shared_ptr<Pkcs11Token>> Pkcs11Token::open(const std::string& module,
                                                       const std::string& token_label,
                                                       std::string_view pin) {
    std::shared_ptr<Pkcs11Token> token(new Pkcs11Token);
    token->name_ = "PKCS#11 token '" + token_label + "' of " + module;
    if (auto error = token->load(module); !error.empty()) return Error{std::move(error)};
    if (auto error = token->login(token_label, pin); !error.empty()) return Error{std::move(error)};
    return token;
}

std::string Pkcs11Token::load(const std::string& module) {
    library_ = ::dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) {
        const char* why = ::dlerror();
        return "cannot load the PKCS#11 module " + module + ": " + (why != nullptr ? why : "") +
               " (is its package installed, and the path right?)";
    }
    const auto list =
        reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library_, "C_GetFunctionList"));
    if (list == nullptr || list(&calls_) != CKR_OK || calls_ == nullptr)
        return module + " is not a PKCS#11 module: it has no C_GetFunctionList that answers";
    CK_C_INITIALIZE_ARGS args{};
    args.flags = CKF_OS_LOCKING_OK;
    const CK_RV rv = calls_->C_Initialize(&args);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return pkcs11Error("the PKCS#11 module " + module + " does not start", rv);
    initialized_ = rv == CKR_OK;
    return "";
}

std::string Pkcs11Token::login(const std::string& token_label, std::string_view pin) {
    std::array<CK_SLOT_ID, 64> slots{};
    CK_ULONG count = slots.size();
    if (const CK_RV rv = calls_->C_GetSlotList(CK_TRUE, slots.data(), &count); rv != CKR_OK)
        return pkcs11Error("cannot list the tokens for " + name_, rv);
    std::string padded = token_label;
    padded.resize(32, ' ');
    std::string seen;
    bool found = false;
    for (CK_ULONG i = 0; i < count && !found; ++i) {
        CK_TOKEN_INFO info{};
        if (calls_->C_GetTokenInfo(slots[i], &info) != CKR_OK) continue;
        const std::string label(reinterpret_cast<const char*>(info.label), sizeof info.label);
        seen += (seen.empty() ? "" : ", ") + label.substr(0, label.find_last_not_of(' ') + 1);
        found = label == padded;
        slot_ = slots[i];
    }
    if (!found)
        return "there is no " + name_ + "; its tokens are: " + (seen.empty() ? "none" : seen);
    const Session session(*this);
    if (!session.ok()) return name_ + " gives no session";
    // The module's interface is not const, but it does not change the PIN.
    auto* text = reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(pin.data()));
    const CK_RV rv = calls_->C_Login(session.handle(), CKU_USER, text, pin.size());
    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return pkcs11Error("cannot log in to " + name_, rv);
    return "";
}

Pkcs11Token::~Pkcs11Token() {
    if (calls_ != nullptr) {
        for (const auto handle : idle_) calls_->C_CloseSession(handle);
        if (initialized_) calls_->C_Finalize(nullptr);
    }
    if (library_ != nullptr) ::dlclose(library_);
}

Pkcs11Token::Use::Use(Pkcs11Token& token) {
    const std::lock_guard turn(token.turn_);
    lock_ = std::shared_lock(token.objects_);
}

Pkcs11Token::Session::Session(Pkcs11Token& token) : token_(token) {
    {
        const std::lock_guard lock(token.mutex_);
        if (!token.idle_.empty()) {
            handle_ = token.idle_.back();
            token.idle_.pop_back();
            return;
        }
    }
    if (token.calls_->C_OpenSession(token.slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                    nullptr, &handle_) != CKR_OK)
        handle_ = CK_INVALID_HANDLE;
}

Pkcs11Token::Session::~Session() {
    if (handle_ == CK_INVALID_HANDLE) return;
    const std::lock_guard lock(token_.mutex_);
    // One session stays open at all times: with the last one the login would end.
    if (good_ || token_.idle_.empty())
        token_.idle_.push_back(handle_);
    else
        token_.calls_->C_CloseSession(handle_);
}

Result<std::optional<CK_OBJECT_HANDLE>> Pkcs11Token::find(CK_OBJECT_CLASS kind,
                                                          const std::string& label) {
    Session session(*this);
    if (!session.ok()) return Error{name_ + " gives no session"};
    std::string name = label;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                             {CKA_LABEL, name.data(), static_cast<CK_ULONG>(name.size())}};
    CK_RV rv = calls_->C_FindObjectsInit(session.handle(), wanted, 2);
    if (rv != CKR_OK) {
        session.spoil();
        return Error{pkcs11Error("cannot look for '" + label + "' in " + name_, rv)};
    }
    std::array<CK_OBJECT_HANDLE, 2> found{};
    CK_ULONG count = 0;
    rv = calls_->C_FindObjects(session.handle(), found.data(), found.size(), &count);
    calls_->C_FindObjectsFinal(session.handle());
    if (rv != CKR_OK) {
        session.spoil();
        return Error{pkcs11Error("cannot look for '" + label + "' in " + name_, rv)};
    }
    if (count > 1)
        return Error{name_ + " has more than one object labelled '" + label +
                     "': give the others another label"};
    if (count == 0) return std::optional<CK_OBJECT_HANDLE>();
    return std::optional<CK_OBJECT_HANDLE>(found[0]);
}

std::optional<std::string> Pkcs11Token::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    Session session(*this);
    if (!session.ok()) return std::nullopt;
    std::string out(1024, '\0');
    CK_ATTRIBUTE a{type, out.data(), static_cast<CK_ULONG>(out.size())};
    if (calls_->C_GetAttributeValue(session.handle(), object, &a, 1) != CKR_OK ||
        a.ulValueLen > out.size())
        return std::nullopt;
    out.resize(a.ulValueLen);
    return out;
}

}  // namespace persona::domainkey
