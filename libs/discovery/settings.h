#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "libs/discovery/discovery.h"

/// The options of every role that discovers, in one place. Types of the SDK come as template
/// parameters, so that this library stays free of it.
namespace persona::discovery {

/// The codes of psn.config/1.
enum class Kind : std::uint32_t {
    Text = 1,
    Integer = 2,
    Flag = 3,
    Duration = 5,
    Size = 6,
    List = 7,
    Enum = 8,
    Map = 9
};

/// A row of the option table.
struct Row {
    const char* name;
    Kind kind;
    const char* def;
    const char* doc;
    std::int64_t min = 0, max = 0;
    const char* choices = "";
};
[[nodiscard]] std::span<const Row> settingRows();

/// Values of those rows as text and numbers; see settingsOf().
struct Settings {
    bool disable_primary_support = false, allow_domains_with_port = false;
    std::string env, http_proxy;
    std::int64_t fetch_timeout_ms = 0, chain_timeout_ms = 0, max_delegations = 0, max_document = 0;
    std::vector<std::pair<std::string, std::string>> proxy_idps, overrides;
    std::vector<std::string>
        shimmed_primaries;  ///< "domain|origin|file", as the original spelt them
};
/// Checks and converts; reads the files of overrides. Errors name the option. May block; [control].
[[nodiscard]] Result<Options> optionsOf(const Settings& settings, const protocol::KeyOptions& keys);

/// Config is persona::sdk::Config, or looks like it.
template <typename Config>
[[nodiscard]] Settings settingsOf(const Config& config) {
    Settings s;
    s.disable_primary_support = config.flag("disable_primary_support");
    s.allow_domains_with_port = config.flag("allow_domains_with_port");
    s.env = config.str("env");
    s.http_proxy = config.str("http_proxy");
    s.fetch_timeout_ms = config.num("declaration_of_support_timeout");
    s.chain_timeout_ms = config.num("discovery_chain_timeout");
    s.max_delegations = config.num("max_delegations");
    s.max_document = config.num("support_document_max_bytes");
    s.proxy_idps = config.items("proxy_idps");
    s.overrides = config.items("discovery_overrides");
    for (const auto& [key, value] : config.items("shimmed_primaries"))
        s.shimmed_primaries.push_back(value);
    return s;
}

/// Appends the rows to a plugin's own; `option` is persona::sdk::option.
template <typename Option, typename Make>
void appendSettings(std::vector<Option>& rows, Make make) {
    for (const auto& r : settingRows())
        rows.push_back(make(r.name, static_cast<std::uint32_t>(r.kind), r.def, r.doc, 0, r.min,
                            r.max, r.choices));
}

}  // namespace persona::discovery
