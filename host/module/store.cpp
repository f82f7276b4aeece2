#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "host/module/module.h"
#include "host/module/refuse.h"

namespace persona::host::module {

namespace {

std::string sysError() {
    return std::strerror(errno);
}

std::string baseName(const std::string& file) {
    auto name = file.substr(file.rfind('/') + 1);
    if (const auto dot = name.find(".so"); dot != std::string::npos) name.resize(dot);
    return name;
}

bool makeDirectories(const std::string& path) {
    for (std::size_t at = 1; at != std::string::npos;) {
        at = path.find('/', at);
        const auto part = path.substr(0, at);
        // Only the staged copies are for this user alone; other roles may have files beside them.
        if (::mkdir(part.c_str(), at == std::string::npos ? 0700 : 0755) != 0 && errno != EEXIST)
            return false;
        if (at != std::string::npos) ++at;
    }
    return true;
}

/// A disk that fills up takes a part first: the next write says why.
bool writeAll(int fd, const char* data, std::size_t size) {
    while (size > 0) {
        const auto n = ::write(fd, data, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

/// Reads until the buffer is full or the file ends; -1 with errno.
ssize_t readFull(int fd, char* data, std::size_t size) {
    std::size_t have = 0;
    while (have < size) {
        const auto n = ::read(fd, data + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        have += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(have);
}

/// SHA-256 in hex of what is read from `in`, copied to `out` when that is >= 0. False with errno.
bool hashAndCopy(int in, int out, std::string& hash) {
    std::array<char, 65536> buffer;
    EVP_MD_CTX* ctx = ::EVP_MD_CTX_new();
    ::EVP_DigestInit_ex(ctx, ::EVP_sha256(), nullptr);
    bool ok = true;
    for (;;) {
        const auto n = readFull(in, buffer.data(), buffer.size());
        if (n == 0) break;
        if (n < 0 || (out >= 0 && !writeAll(out, buffer.data(), static_cast<std::size_t>(n)))) {
            ok = false;
            break;
        }
        ::EVP_DigestUpdate(ctx, buffer.data(), static_cast<std::size_t>(n));
    }
    std::array<unsigned char, 32> digest;
    ::EVP_DigestFinal_ex(ctx, digest.data(), nullptr);
    ::EVP_MD_CTX_free(ctx);
    static constexpr char kHex[] = "0123456789abcdef";
    hash.clear();
    for (const auto b : digest) hash.append({kHex[b >> 4], kHex[b & 15]});
    return ok;
}

/// Whether both hold the same octets from the start on.
bool sameContent(int a, int b) {
    if (::lseek(a, 0, SEEK_SET) != 0 || ::lseek(b, 0, SEEK_SET) != 0) return false;
    std::array<char, 65536> left, right;
    for (;;) {
        const auto n = readFull(a, left.data(), left.size());
        if (n < 0 || readFull(b, right.data(), right.size()) != n ||
            std::memcmp(left.data(), right.data(), static_cast<std::size_t>(n)) != 0)
            return false;
        if (n == 0) return true;
    }
}

int rank(const std::string& maturity) {
    return maturity == "stable" ? 2 : maturity == "beta" ? 1 : 0;
}

/// What is staged there is mapped into this process: nobody else may put it there. False: refused.
bool isOurs(const std::string& dir, Refusal& r) {
    FdGuard fd{::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    struct stat st {};
    if (fd.fd < 0 || ::fstat(fd.fd, &st) != 0)
        return refuse(r, "stage", "a directory of this user at " + dir, sysError(),
                      "choose a state_dir in which it is a real directory");
    if (st.st_uid != ::geteuid() && st.st_uid != 0)
        return refuse(r, "stage", dir + " to belong to this user or root",
                      "one of uid " + std::to_string(st.st_uid),
                      "run as that user, or chown it when nobody else has put anything there");
    if ((st.st_mode & 022) != 0)
        return refuse(r, "stage", dir + " to be written by its owner alone",
                      "one that others may write to",
                      "chmod go-w it when nobody else has put anything there");
    return true;
}

}  // namespace

Store::Store(std::string state_dir, std::string probe_program, std::string lowest_maturity)
    : state_dir_(std::move(state_dir)),
      probe_program_(std::move(probe_program)),
      lowest_maturity_(std::move(lowest_maturity)) {}

std::vector<std::shared_ptr<const Image>> Store::images() const {
    std::vector<std::shared_ptr<const Image>> out;
    Refusal ignored;
    for (const auto& [hash, image] : by_hash_)
        if (meets(*image, ignored)) out.push_back(image);
    return out;
}

std::shared_ptr<const Image> Store::load(const std::string& file, const psn_host& host,
                                         Refusal& refusal) {
    refusal = {};
    refusal.file = file;
    auto image = std::make_shared<Image>();
    image->file = file;
    if (!stage(file, *image, refusal)) return nullptr;
    refusal.hash = image->hash;
    if (const auto known = by_hash_.find(image->hash); known != by_hash_.end())
        return meets(*known->second, refusal) ? known->second : nullptr;
    if (const auto known = refused_.find(image->hash); known != refused_.end()) {
        refusal = known->second;
        refusal.file = file;
        return nullptr;
    }
    if (mapped() >= kMaxImages) {
        refuse(refusal, "load",
               "fewer than " + std::to_string(kMaxImages) + " images in this process",
               std::to_string(mapped()), "images are never unmapped: restart the process");
        return nullptr;
    }
    if (!probe(*image, refusal)) return nullptr;
    if (!open(*image, host, refusal)) {
        refused_[image->hash] = refusal;
        return nullptr;
    }
    by_hash_[image->hash] = image;
    return meets(*image, refusal) ? image : nullptr;
}

/// What depends on the configuration rather than on the image.
bool Store::meets(const Image& image, Refusal& r) const {
    if (rank(image.manifest.maturity) >= rank(lowest_maturity_)) return true;
    return refuse(r, "maturity", lowest_maturity_ + " or better", image.manifest.maturity,
                  "set modules_maturity: " + image.manifest.maturity + " to allow it");
}

bool Ids::claim(const Image& image, Refusal& r) {
    const auto [hash, fresh] = hash_by_id_.emplace(image.manifest.id, image.hash);
    if (fresh) file_by_id_[image.manifest.id] = image.file;
    if (hash->second == image.hash) return true;
    r.file = image.file;
    r.hash = image.hash;
    return refuse(
        r, "id", "an id that no other plugin has",
        "'" + image.manifest.id + "', which " + file_by_id_[image.manifest.id] + " has too",
        "remove one of the two files from the configuration");
}

bool Store::stage(const std::string& file, Image& image, Refusal& r) {
    FdGuard in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (in.fd < 0) {
        const int e = errno;
        return refuse(r, "open", "a readable file", sysError(),
                      e == EACCES  ? "give this user the right to read it (chmod a+r)"
                      : e == ELOOP ? "symbolic links are not followed: name the file itself"
                                   : "check the path and plugin_dir");
    }
    struct stat st {};
    if (::fstat(in.fd, &st) != 0 || !S_ISREG(st.st_mode))
        return refuse(r, "open", "a regular file", "something else", "name a .so file");
    const std::string dir = state_dir_ + "/modules";
    if (!makeDirectories(dir))
        return refuse(r, "stage", "a writable state directory", dir + ": " + sysError(),
                      "make state_dir writable for this user, or choose another");
    if (!isOurs(dir, r)) return false;
    if (!hashAndCopy(in.fd, -1, image.hash))
        return refuse(r, "open", "a readable file", sysError(), "check the disk it is on");
    image.staged = dir + "/" + baseName(file) + "-" + image.hash.substr(0, 16) + ".so";
    // Staged by an earlier start: nothing is written, hence nothing waits for the disk.
    if (FdGuard kept{::open(image.staged.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
        kept.fd >= 0 || errno != ENOENT) {
        struct stat own {};
        if (kept.fd >= 0 && (::fstat(kept.fd, &own) != 0 || own.st_uid != ::geteuid()))
            return refuse(r, "stage", "a staged copy of this user's own",
                          image.staged + " of uid " + std::to_string(own.st_uid),
                          "delete that file");
        if (kept.fd < 0 || !sameContent(in.fd, kept.fd))
            return refuse(r, "stage", "the staged copy to have the hash in its name",
                          image.staged + " has another", "delete that file");
        return true;
    }
    std::string temp = dir + "/.stage-XXXXXX";
    FdGuard out{::mkostemp(temp.data(), O_CLOEXEC)};
    if (out.fd < 0)
        return refuse(r, "stage", "a writable state directory", dir + ": " + sysError(),
                      "make state_dir writable for this user, or free space on it");
    std::string copied;
    if (::lseek(in.fd, 0, SEEK_SET) != 0 || !hashAndCopy(in.fd, out.fd, copied) ||
        ::fchmod(out.fd, 0500) != 0 || ::fsync(out.fd) != 0) {
        const auto why = sysError();
        ::unlink(temp.c_str());
        return refuse(r, "stage", "room for a copy in " + dir, why,
                      "free space on the state directory");
    }
    if (copied != image.hash) {
        ::unlink(temp.c_str());
        return refuse(r, "stage", "a file that stays as it is while it is read", "one that changed",
                      "replace plugins by rename, then load them again");
    }
    if (::rename(temp.c_str(), image.staged.c_str()) != 0) {
        const auto why = sysError();
        ::unlink(temp.c_str());
        return refuse(r, "stage", "the copy to get its name", why, "check the state directory");
    }
    return true;
}

bool Store::open(Image& image, const psn_host& host, Refusal& r) {
    if (::dlopen(image.staged.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr)
        return refuse(r, "load", "an image that is not mapped yet", "one that is",
                      "two paths lead to one file: name it once");
    void* handle = ::dlopen(image.staged.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) {
        const char* why = ::dlerror();
        const std::string text = why == nullptr ? "unknown" : why;
        return refuse(r, "load", "a loadable shared object", text, hintForLoad(text));
    }
    using Entry = const psn_plugin_entry* (*)();
    const auto entry = reinterpret_cast<Entry>(::dlsym(handle, "psn_plugin_entry_v1"));
    if (entry == nullptr)
        return refuse(r, "load", "the function psn_plugin_entry_v1", "no such symbol",
                      "export it with PSN_EXPORT");
    image.entry = entry();
    if (!handshake(image.entry, r)) return false;
    if (!parseManifest(image.entry->manifest, image.manifest, r)) return false;
    char text[512];
    psn_err err{text, sizeof text, 0};
    try {
        if (image.entry->init(&host, &err) == PSN_OK) return true;
    } catch (...) {
        return refuse(r, "init", "no exception across the border", "one",
                      "catch everything in the plugin; the SDK's wrapper does");
    }
    return refuse(r, "init", "PSN_OK", "a failure: " + std::string(text, err.len),
                  "the plugin's own reason stands before");
}

}  // namespace persona::host::module
