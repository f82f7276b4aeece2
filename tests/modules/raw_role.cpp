#include <persona/abi/ext/admin.h>
#include <persona/abi/http_service.h>

#include <stdexcept>
#include <string_view>

/// A role without the SDK's barrier: an exception leaves the function that THROWS_IN names.
namespace {

void throwIn(std::string_view step) {
    if (step == THROWS_IN) throw std::runtime_error("across the border");
}

psn_rc create(const psn_host*, const psn_config*, psn_instance** out, psn_err*) {
    throwIn("create");
    static int instance;
    *out = reinterpret_cast<psn_instance*>(&instance);
    return PSN_OK;
}
psn_rc activate(psn_instance*, psn_err*) {
    throwIn("activate");
    return PSN_OK;
}
void deactivate(psn_instance*) {
    throwIn("deactivate");
}
void destroy(psn_instance*) {}
const psn_route* routes(psn_instance*, std::uint32_t* count) {
    throwIn("routes");
    *count = 0;
    return nullptr;
}
psn_rc handle(psn_instance*, std::uint32_t, psn_stream*) {
    return PSN_FAIL;
}
psn_rc health(psn_instance*, std::uint32_t, psn_err*) {
    throwIn("health");
    return PSN_OK;
}
const psn_admin_command* commands(psn_instance*, std::uint32_t* count) {
    throwIn("commands");
    static const psn_admin_command kOne{{"raw", 3}, {"", 0}, {"throws", 6}, 0, 0, 0, 0};
    *count = 1;
    return &kOne;
}
psn_rc run(psn_instance*, const psn_admin_call*, psn_err*) {
    throwIn("command");
    return PSN_OK;
}
const void* getExtension(psn_instance*, psn_str id) {
    throwIn("extension");
    static const psn_admin_plugin kAdmin{sizeof(psn_admin_plugin), 0, commands, run};
    return std::string_view(id.p, id.n) == PSN_ADMIN_ID ? &kAdmin : nullptr;
}
const void* getFactory(psn_str) {
    throwIn("factory");
    static const psn_http_service_factory kFactory = [] {
        psn_http_service_factory f{};
        f.struct_size = sizeof f;
        f.create = create;
        f.activate = activate;
        f.deactivate = deactivate;
        f.destroy = destroy;
        f.routes = routes;
        f.handle = handle;
        f.health = health;
        f.get_extension = getExtension;
        return f;
    }();
    return &kFactory;
}
constexpr char kManifest[] =
    R"({"id":"raw-role","version":"1","vendor":"tests","maturity":"stable","kinds":["http-service"]})";

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
