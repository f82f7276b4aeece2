#pragma once

#include <persona/abi/plugin.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace persona::host::module {

/// What the manifest says, bounded and checked.
struct Manifest {
    std::string id, version, vendor, maturity;
    std::vector<std::string> kinds;
    bool hot_swap = true;
};

/// A refused module: every part is for a person to act on.
struct Refusal {
    std::string file, hash, step, expected, got, hint;
    [[nodiscard]] std::string text() const;
};

/// A loaded plugin image. Never unmapped; one for each distinct hash.
struct Image {
    std::string file;    ///< as named in the configuration
    std::string staged;  ///< the copy that is mapped
    std::string hash;    ///< SHA-256, hex
    const psn_plugin_entry* entry = nullptr;
    Manifest manifest;
};

/// Which plugin ids are taken, by which file: one of these for everything that is active together.
class Ids {
  public:
    /// False and `refusal`, naming both files, when another file has that id already.
    bool claim(const Image& image, Refusal& refusal);

  private:
    std::map<std::string, std::string> hash_by_id_, file_by_id_;
};

/// Stages, probes and loads plugin files. [control]
class Store {
  public:
    /// `probe_program`: re-executed as `PROGRAM --probe-plugin FILE`. `lowest_maturity`: stable,
    /// beta or experimental.
    Store(std::string state_dir, std::string probe_program, std::string lowest_maturity);

    /// The image of that file; equal content gives the same image. nullptr and `refusal` otherwise.
    /// `host` is passed to the plugin's init.
    std::shared_ptr<const Image> load(const std::string& file, const psn_host& host,
                                      Refusal& refusal);
    /// Those that may be used.
    [[nodiscard]] std::vector<std::shared_ptr<const Image>> images() const;
    /// Every image that is mapped, also those that were refused afterwards.
    [[nodiscard]] std::size_t mapped() const { return by_hash_.size() + refused_.size(); }
    void quarantine(std::set<std::string> hashes) { quarantined_ = std::move(hashes); }
    [[nodiscard]] bool isQuarantined(const std::string& hash) const {
        return quarantined_.count(hash) != 0;
    }
    static constexpr std::size_t kWarnImages = 48, kMaxImages = 128;

  private:
    bool stage(const std::string& file, Image& image, Refusal& refusal);
    bool probe(const Image& image, Refusal& refusal);
    bool open(Image& image, const psn_host& host, Refusal& refusal);
    bool meets(const Image& image, Refusal& refusal) const;
    std::string state_dir_, probe_program_, lowest_maturity_;
    std::map<std::string, std::shared_ptr<const Image>> by_hash_;
    /// Mapped, but unusable until the process ends: a second try would only say something else.
    std::map<std::string, Refusal> refused_;
    std::set<std::string> quarantined_;
};

/// Checks the entry table of a mapped plugin, field by field.
[[nodiscard]] bool handshake(const psn_plugin_entry* entry, Refusal& refusal);
/// Parses the manifest; false and refusal when it is not what plugin.h asks for.
[[nodiscard]] bool parseManifest(psn_str text, Manifest& out, Refusal& refusal);
/// Body of `--probe-plugin FILE`: loads and initialises the file alone; prints why not to stderr,
/// and proves to the host that asked that the plugin has let it come to its end.
int probeMain(const std::string& file);

}  // namespace persona::host::module
