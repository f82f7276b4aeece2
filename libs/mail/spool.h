#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/files/files.h"
#include "libs/mail/compose.h"

namespace persona::mail {

/// The queue on disk: one file for each message in `DIRECTORY/queue`, made durable before it gets
/// its name. What changes between attempts is in the name, so that trying again rewrites nothing:
/// ID-ATTEMPTS-DUE, with the ID of the Message-ID and DUE in Unix ms. Methods: any thread, but only
/// one thread handles one message at a time.
class Spool {
  public:
    struct Entry {
        std::string id;
        unsigned attempts = 0;
        std::int64_t due_ms = 0;
        [[nodiscard]] std::string fileName() const;
    };
    struct Stored {
        std::string kind, from, to, octets;
        std::int64_t expires_ms = 0;
    };
    struct Found {
        enum class State {
            Good,
            Gone,        ///< another process has delivered it
            Damaged,     ///< it will never be a mail again
            Unreadable,  ///< not now: no descriptor left, an error of the disk
        };
        State state = State::Good;
        Stored mail;        ///< of Good
        std::string error;  ///< of Damaged and Unreadable
    };

    /// Makes DIRECTORY with `new`, `queue` and `dead` in it.
    [[nodiscard]] static Result<Spool> open(std::string directory);

    /// The right to deliver, until the process ends. False: another process has it.
    [[nodiscard]] bool tryLock();
    /// What is in the queue; files that are not ours are counted in `strange`. Removes what a
    /// process left half-written in `new` and is older than an hour.
    [[nodiscard]] std::vector<Entry> scan(std::size_t& strange, std::int64_t now_ms) const;

    [[nodiscard]] Result<Entry> add(const std::string& id, const Stored& message,
                                    std::int64_t now_ms) const;
    [[nodiscard]] Found read(const Entry& entry) const;
    /// These return what failed, or an empty text.
    [[nodiscard]] std::string reschedule(Entry& entry, unsigned attempts,
                                         std::int64_t due_ms) const;
    [[nodiscard]] std::string remove(const Entry& entry) const;
    [[nodiscard]] std::string bury(const Entry& entry) const;
    /// Deletes dead letters that were last changed before that time.
    void purgeDead(std::int64_t before_ms) const;

  private:
    explicit Spool(std::string directory) : directory_(std::move(directory)) {}
    [[nodiscard]] std::string path(std::string_view folder, std::string_view name) const;

    std::string directory_;
    files::Descriptor lock_;
};

}  // namespace persona::mail
