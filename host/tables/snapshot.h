#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "host/tables/counters.h"
#include "host/tables/rates.h"

/// The file in which tables outlive the process: one section for each table, a SHA-256 at the end.
/// Of this machine for this machine: numbers are as they are in memory.
namespace persona::host::tables::snapshot {

class Writer {
  public:
    Writer(std::uint64_t secret_id, std::int64_t wall_ms, std::int64_t now_ns);
    void add(const std::string& name, psn_counter_table& table);
    void add(const std::string& name, psn_rate_table& table);
    /// Into a file beside it, synced, then renamed over it. Empty, or what failed.
    [[nodiscard]] std::string write(const std::string& file);

  private:
    void section(char kind, const std::string& name, const std::string& body);
    std::string out_;
    std::uint32_t sections_ = 0;
};

struct Contents {
    std::int64_t wall_ms = 0, now_ns = 0;
    std::map<std::string, std::string> sections;  ///< kind and name -> body
};
/// Empty, or why the file is not used; no file at all is an empty one.
[[nodiscard]] std::string read(const std::string& file, std::uint64_t secret_id, Contents& out);
/// Puts a section back; one of another shape is left out.
void restore(const std::string& body, psn_counter_table& table, std::uint32_t shift_ms);
void restore(const std::string& body, psn_rate_table& table, std::uint32_t shift_ms);

}  // namespace persona::host::tables::snapshot
