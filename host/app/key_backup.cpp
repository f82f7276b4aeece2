#include "host/app/key_backup.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "host/app/doctor.h"
#include "host/app/host.h"

namespace persona::host::app {

const char* const kKeysUsage =
    "persona-host keys export CONFIG FILE [--passphrase FILE] [--force]\n"
    "  an encrypted copy of the domain's key; FILE - is standard output\n"
    "persona-host keys import CONFIG FILE [--passphrase FILE] [--force]\n"
    "  puts it back: as the domain's key where there is none, else as the next one, which\n"
    "  signs after persona-host keys rotate; with --force in the place of the present one\n"
    "The passphrase is the first line of its file, else of standard input.\n";

namespace {

constexpr std::size_t kShortestPassphrase = 12;  // characters
constexpr std::size_t kLongestPassphrase = 1024;
constexpr std::size_t kLargestKeyFile = 65'536;  // octets
constexpr int kIterations = 600'000;             // of PBKDF2 with HMAC-SHA-256, as OWASP has it

/// What stood in the way; reaches the operator word for word.
class Obstacle : public std::runtime_error {
  public:
    explicit Obstacle(const std::string& text, int code = kRefused)
        : std::runtime_error(text), code_(code) {}
    [[nodiscard]] int code() const { return code_; }

  private:
    int code_;
};

/// A text that is wiped when it goes.
struct Secret {
    std::string text;
    explicit Secret(std::string value) : text(std::move(value)) {}
    ~Secret() { OPENSSL_cleanse(text.data(), text.size()); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
};

struct Request {
    bool import = false, force = false;
    std::string config, file, passphrase_file;
};

template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T* p) const {
        Free(p);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;

Request parse(const std::vector<std::string>& words) {
    Request r;
    r.import = words.front() == "import";
    std::vector<std::string> names;
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i] == "--force")
            r.force = true;
        else if (words[i] == "--passphrase" && i + 1 < words.size())
            r.passphrase_file = words[++i];
        else if (words[i].starts_with("--"))
            throw Obstacle("unknown option " + words[i] + "\n" + kKeysUsage, kUsage);
        else
            names.push_back(words[i]);
    }
    if (names.size() != 2) throw Obstacle(kKeysUsage, kUsage);
    r.config = names[0];
    r.file = names[1];
    return r;
}

[[noreturn]] void failed(const std::string& what, const std::string& remedy = "") {
    throw Obstacle(what + ": " + std::strerror(errno) + (remedy.empty() ? "" : "; " + remedy));
}

std::string contentOf(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) failed(file);
    std::string out(kLargestKeyFile + 1, '\0');
    in.read(out.data(), static_cast<std::streamsize>(out.size()));
    out.resize(static_cast<std::size_t>(in.gcount()));
    if (out.size() > kLargestKeyFile)
        throw Obstacle(file + " has more than " + std::to_string(kLargestKeyFile) +
                       " octets, which no key has: name the file that keys export wrote");
    return out;
}

/// What stands before the line's end; one character more than any passphrase has at most.
std::string firstLine(std::istream& in) {
    std::string line;
    for (int c = in.get(); c != std::istream::traits_type::eof() && c != '\n'; c = in.get()) {
        line.push_back(static_cast<char>(c));
        if (line.size() > kLongestPassphrase) break;
    }
    return line;
}

std::string askForPassphrase(const Request& r) {
    std::string line;
    const auto where = r.passphrase_file.empty() ? "standard input" : r.passphrase_file;
    if (!r.passphrase_file.empty()) {
        std::ifstream in(r.passphrase_file);
        if (!in) failed(r.passphrase_file);
        line = firstLine(in);
    } else if (::isatty(STDIN_FILENO) != 0) {
        line.resize(kLongestPassphrase + 1);
        if (::EVP_read_pw_string(line.data(), static_cast<int>(line.size()),
                                 "Passphrase: ", r.import ? 0 : 1) != 0)
            throw Obstacle("no passphrase was typed, or two different ones");
        line.resize(std::strlen(line.c_str()));
    } else {
        line = firstLine(std::cin);
    }
    if (line.size() > kLongestPassphrase || (!r.import && line.size() < kShortestPassphrase))
        throw Obstacle(
            "the passphrase in " + where + " has " +
            (line.size() > kLongestPassphrase ? "too many" : std::to_string(line.size())) +
            " characters; " + std::to_string(kShortestPassphrase) + " to " +
            std::to_string(kLongestPassphrase) + " are taken");
    return line;
}

/// `file` is for messages.
Key parseKey(const std::string& pem, const std::string& file, const std::string& passphrase) {
    const Bio in(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const auto answer = [](char* to, int size, int, void* user) {
        const auto& text = *static_cast<const std::string*>(user);
        if (text.size() > static_cast<std::size_t>(size)) return -1;
        text.copy(to, text.size());
        return static_cast<int>(text.size());
    };
    Key key(::PEM_read_bio_PrivateKey(in.get(), nullptr, answer,
                                      const_cast<std::string*>(&passphrase)));
    ::ERR_clear_error();
    if (key == nullptr) throw Obstacle(file + " holds no private key that this passphrase opens");
    char curve[80] = "";
    ::EVP_PKEY_get_group_name(key.get(), curve, sizeof curve, nullptr);
    const bool rsa =
        ::EVP_PKEY_is_a(key.get(), "RSA") == 1 && ::EVP_PKEY_get_bits(key.get()) == 2048;
    const bool p256 =
        ::EVP_PKEY_is_a(key.get(), "EC") == 1 && std::strcmp(curve, "prime256v1") == 0;
    if (!rsa && !p256)
        throw Obstacle(file + ": expected RSA of 2048 bits or P-256, got " +
                       ::EVP_PKEY_get0_type_name(key.get()) + " of " +
                       std::to_string(::EVP_PKEY_get_bits(key.get())) + " bits");
    const std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>> check(
        ::EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (check == nullptr || ::EVP_PKEY_pairwise_check(check.get()) != 1)
        throw Obstacle(file + " is damaged: its private half does not belong to its public one");
    return key;
}

std::string textOf(const Bio& bio) {
    char* data = nullptr;
    const auto size = ::BIO_get_mem_data(bio.get(), &data);
    std::string out(data, static_cast<std::size_t>(size));
    OPENSSL_cleanse(data, static_cast<std::size_t>(size));
    return out;
}

std::string encrypted(const Key& key, const std::string& passphrase) {
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freer<PKCS8_PRIV_KEY_INFO_free>> plain(
        ::EVP_PKEY2PKCS8(key.get()));
    X509_ALGOR* scheme = ::PKCS5_pbe2_set_iv(::EVP_aes_256_cbc(), kIterations, nullptr, 16, nullptr,
                                             NID_hmacWithSHA256);
    const std::unique_ptr<X509_SIG, Freer<X509_SIG_free>> sealed(
        ::PKCS8_set0_pbe(passphrase.data(), static_cast<int>(passphrase.size()), plain.get(),
                         scheme));  // takes `scheme` over when it succeeds
    if (sealed == nullptr) {
        ::X509_ALGOR_free(scheme);
        throw Obstacle("the key cannot be encrypted");
    }
    const Bio out(::BIO_new(::BIO_s_mem()));
    ::PEM_write_bio_PKCS8(out.get(), sealed.get());
    return textOf(out);
}

std::string unencrypted(const Key& key) {
    const Bio out(::BIO_new(::BIO_s_mem()));
    ::PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return textOf(out);
}

bool exists(const std::string& file) {
    struct stat st {};
    return ::lstat(file.c_str(), &st) == 0;
}

/// With mode 0600, durable, and whole or not at all. `replace`: what is there gives way.
void write(const std::string& file, const std::string& content, bool replace) {
    const auto fresh = file + ".new-" + std::to_string(::getpid());
    const auto directory =
        file.find('/') == std::string::npos ? "." : file.substr(0, file.rfind('/') + 1);
    const int fd =
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    const auto who = "user " + std::to_string(::geteuid()) + " must be able to write " + directory;
    if (fd < 0) failed("cannot create " + fresh, who);
    const bool written =
        ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
        ::fsync(fd) == 0;
    ::close(fd);
    if (!written || (replace ? ::rename(fresh.c_str(), file.c_str())
                             : ::link(fresh.c_str(), file.c_str())) != 0) {
        const int why = errno;
        ::unlink(fresh.c_str());
        errno = why;
        failed("cannot write " + file, who);
    }
    ::unlink(fresh.c_str());
    if (const int d = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); d >= 0) {
        ::fsync(d);
        ::close(d);
    }
}

void exportTo(const Request& r, const std::string& key_file, const std::string& passphrase) {
    const Secret pem(contentOf(key_file));
    const auto out = encrypted(parseKey(pem.text, key_file, ""), passphrase);
    if (r.file == "-") {
        std::cout << out << std::flush;
        if (!std::cout) throw Obstacle("standard output takes nothing");
        return;
    }
    if (!r.force && exists(r.file))
        throw Obstacle(r.file + " is there already: give another name, or --force");
    write(r.file, out, r.force);
    std::cout << r.file << " has the domain's key, encrypted; keep the passphrase elsewhere\n";
}

void importFrom(const Request& r, const std::string& content, const std::string& key_file,
                const std::string& passphrase) {
    const auto key = parseKey(content, r.file, passphrase);
    const Secret pem(unencrypted(key));
    if (exists(key_file)) {
        const Secret present(contentOf(key_file));
        if (::EVP_PKEY_eq(parseKey(present.text, key_file, "").get(), key.get()) == 1) {
            std::cout << key_file << " is that key already\n";
            return;
        }
        if (!r.force) {
            if (exists(key_file + ".next"))
                throw Obstacle(key_file +
                               ".next is there already: a rotation is under way; wait "
                               "until it is done (persona-host keys list)");
            write(key_file + ".next", pem.text, false);
            std::cout << key_file
                      << ".next has it; persona-host keys rotate publishes it, and it "
                         "signs when domain_key.rotation_lead has passed\n";
            return;
        }
    }
    write(key_file, pem.text, r.force);
    std::cout << key_file << " has it; it signs from the next start of keysigner on\n";
}

void run(const std::vector<std::string>& words, const std::string& program) {
    const auto request = parse(words);
    const Secret passphrase(askForPassphrase(request));
    // While this is still the user who asked: what he may read, the key's owner may not.
    const Secret content(request.import ? contentOf(request.file) : "");
    if (const auto error = becomeOwnerOf(Host::stateDirectory(request.config)); !error.empty())
        throw Obstacle(error, kUnavailable);
    Host host(request.config, program);
    if (const auto problems = host.load(); !problems.empty()) {
        std::string all;
        for (const auto& p : problems) all += (all.empty() ? "" : "\n") + p;
        throw Obstacle(all, kConfig);
    }
    if (!host.option("domain_key.pkcs11.module").empty())
        throw Obstacle(
            "the key is in a token (domain_key.pkcs11), which does not hand it out: copy "
            "it with the token's own tool");
    const auto key_file = host.option("domain_key.file");
    if (key_file.empty())
        throw Obstacle("no role of " + request.config +
                           " has the option domain_key.file: name keysigner's configuration",
                       kConfig);
    if (request.import)
        importFrom(request, content.text, key_file, passphrase.text);
    else
        exportTo(request, key_file, passphrase.text);
}

}  // namespace

int keysMain(const std::vector<std::string>& words, const std::string& program) {
    try {
        run(words, program);
        return kOk;
    } catch (const Obstacle& o) {
        std::cerr << o.what() << (std::string_view(o.what()).ends_with("\n") ? "" : "\n");
        return o.code();
    }
}

}  // namespace persona::host::app
