#include <persona/abi/http_filter.h>

#include <stdexcept>

/// A filter without the SDK's barrier: its exceptions reach the host.
namespace {

psn_rc create(const psn_host*, const psn_config*, psn_instance** out, psn_err*) {
    *out = reinterpret_cast<psn_instance*>(out);
    return PSN_OK;
}
void destroy(psn_instance*) {}
std::uint32_t onRequestHeaders(psn_instance*, void*, psn_stream*) {
    throw std::runtime_error("across the border");
}
const void* getFactory(psn_str) {
    static const psn_http_filter_factory kFactory = [] {
        psn_http_filter_factory f{};
        f.struct_size = sizeof f;
        f.create = create;
        f.destroy = destroy;
        f.on_request_headers = onRequestHeaders;
        return f;
    }();
    return &kFactory;
}
constexpr char kManifest[] =
    R"({"id":"raw-thrower","version":"1","vendor":"tests","maturity":"stable","kinds":["http-filter"]})";

}  // namespace

extern "C" PSN_EXPORT const psn_plugin_entry* psn_plugin_entry_v1(void) {
    static const psn_plugin_entry kEntry{PSN_ABI_MAGIC,
                                         PSN_ABI_MAJOR,
                                         PSN_ABI_MINOR,
                                         sizeof(psn_plugin_entry),
                                         0,
                                         {kManifest, sizeof kManifest - 1},
                                         [](const psn_host*, psn_err*) -> psn_rc { return PSN_OK; },
                                         [] {},
                                         getFactory};
    return &kEntry;
}
