#include <Poco/JSON/Parser.h>

#include <cstdio>
#include <exception>

#include "host/module/module.h"
#include "host/module/refuse.h"

namespace persona::host::module {

namespace {

std::string hex(std::uint32_t v) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", v);
    return text;
}

bool isId(const std::string& id) {
    if (id.empty() || id.size() > 64) return false;
    for (const char c : id)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    return true;
}

}  // namespace

std::string Refusal::text() const {
    std::string out =
        "plugin " + file + " refused at step '" + step + "': expected " + expected + ", got " + got;
    if (!hash.empty()) out += " (sha256 " + hash.substr(0, 16) + ")";
    if (!hint.empty()) out += "; " + hint;
    return out;
}

bool handshake(const psn_plugin_entry* e, Refusal& r) {
    if (e == nullptr)
        return refuse(r, "entry", "a table from psn_plugin_entry_v1", "NULL",
                      "return a pointer to a static table");
    if (e->magic != PSN_ABI_MAGIC)
        return refuse(r, "magic", hex(PSN_ABI_MAGIC), hex(e->magic),
                      "set magic to PSN_ABI_MAGIC; is this a Persona plugin?");
    const auto version = std::to_string(e->abi_major) + "." + std::to_string(e->abi_minor);
    const auto ours = std::to_string(PSN_ABI_MAJOR) + "." + std::to_string(PSN_ABI_MINOR);
    if (e->abi_major != PSN_ABI_MAJOR)
        return refuse(r, "abi major", ours, version, "rebuild with the SDK of this host");
    if (e->abi_minor > PSN_ABI_MINOR)
        return refuse(
            r, "abi minor", ours + " or older", version,
            "the plugin is newer than the host: update the host, or rebuild with SDK " + ours);
    if (e->struct_size < sizeof(psn_plugin_entry))
        return refuse(r, "entry size",
                      "at least " + std::to_string(sizeof(psn_plugin_entry)) + " octets",
                      std::to_string(e->struct_size),
                      "set struct_size to sizeof(psn_plugin_entry); rebuild with the SDK");
    if (e->init == nullptr || e->deinit == nullptr || e->get_factory == nullptr)
        return refuse(r, "entry functions", "init, deinit and get_factory",
                      "a NULL function pointer", "fill in all three");
    return true;
}

bool parseManifest(psn_str text, Manifest& out, Refusal& r) {
    constexpr std::size_t kMax = 16 * 1024;
    if (text.p == nullptr || text.n == 0 || text.n > kMax)
        return refuse(r, "manifest", "a JSON object of 1 to 16384 octets",
                      std::to_string(text.n) + " octets", "see plugin.h");
    try {
        Poco::JSON::Parser parser;
        parser.setDepth(8);
        const auto object =
            parser.parse(std::string(text.p, text.n)).extract<Poco::JSON::Object::Ptr>();
        out.id = object->optValue<std::string>("id", "");
        out.version = object->optValue<std::string>("version", "");
        out.vendor = object->optValue<std::string>("vendor", "");
        out.maturity = object->optValue<std::string>("maturity", "experimental");
        out.hot_swap = object->optValue<bool>("hot_swap", true);
        if (const auto kinds = object->getArray("kinds"))
            for (const auto& k : *kinds) out.kinds.push_back(k.convert<std::string>());
    } catch (const std::exception& e) {
        return refuse(r, "manifest", "a JSON object",
                      std::string("something else (") + e.what() + ")", "see plugin.h");
    }
    if (!isId(out.id))
        return refuse(r, "manifest id", "1 to 64 of [a-z0-9-]", "\"" + out.id + "\"",
                      "change \"id\" in the manifest");
    if (out.maturity != "stable" && out.maturity != "beta" && out.maturity != "experimental")
        return refuse(r, "manifest maturity", "stable, beta or experimental",
                      "\"" + out.maturity + "\"", "change \"maturity\" in the manifest");
    return true;
}

}  // namespace persona::host::module
