/* Tags requests to a path that more than `limit` requests a second go to, whoever sends them. */
#include <persona/abi/ext/counters.h>
#include <persona/abi/ext/draft/heuristic.h>
#include <stdlib.h>
#include <string.h>

#define STR(literal) \
    { literal, sizeof(literal) - 1 }

struct psn_instance {
    const psn_counters_api* counters;
    psn_counter_table* paths;
    int64_t limit;
};

static const psn_option kOptions[] = {{STR("limit"), PSN_OPT_INT, 0, STR("100"), STR(""), 1,
                                       1000000, STR("requests a second for one path")}};

static void fail(psn_err* err, const char* why) {
    uint32_t n = (uint32_t)strlen(why);
    if (err == NULL || err->buf == NULL) return;
    if (n > err->cap) n = err->cap;
    memcpy(err->buf, why, n);
    err->len = n;
}

static psn_rc create(const psn_host* host, const psn_config* config, psn_instance** out,
                     psn_err* err) {
    static const psn_str kConfig = STR(PSN_CONFIG_ID), kCounters = STR(PSN_COUNTERS_ID),
                         kLimit = STR("limit"), kTable = STR("busy-path.paths");
    static const psn_counter_spec kSpec = {sizeof(psn_counter_spec), 4096, 1000, 10000};
    const psn_config_api* options = host->get_extension(host, kConfig);
    psn_instance* self = calloc(1, sizeof *self);
    if (self == NULL || options == NULL) {
        free(self);
        fail(err, "no memory, or the host lacks " PSN_CONFIG_ID);
        return PSN_FAIL;
    }
    self->counters = host->get_extension(host, kCounters);
    if (self->counters == NULL || options->get_int(config, kLimit, &self->limit) != PSN_OK ||
        self->counters->open(host, kTable, &kSpec, &self->paths, err) != PSN_OK) {
        free(self);
        return PSN_FAIL;
    }
    *out = self;
    return PSN_OK;
}

static psn_rc activate(psn_instance* self, psn_err* err) {
    (void)self;
    (void)err;
    return PSN_OK;
}
static void deactivate(psn_instance* self) {
    (void)self;
}
static void destroy(psn_instance* self) {
    free(self);
}

static psn_rc evaluate(psn_instance* self, const psn_facts* facts, psn_verdict* out) {
    static const psn_str kReason = STR("busy-path");
    psn_str path = facts->path;
    psn_counter_value value = {0, 0, 0};
    out->kind = PSN_VERDICT_ABSTAIN;
    if (path.n == 0) return PSN_OK;
    if (path.n > 256) path.n = 256; /* the longest key of a table */
    if (self->counters->add(self->paths, path, 1, facts->now_ns, &value) == PSN_OK &&
        value.count > (uint64_t)self->limit) {
        out->kind = PSN_VERDICT_TAG;
        out->weight = 100;
        out->reason = kReason;
    }
    return PSN_OK;
}

static const psn_heuristic_factory kFactory = {sizeof(psn_heuristic_factory),
                                               1,
                                               kOptions,
                                               create,
                                               activate,
                                               deactivate,
                                               destroy,
                                               evaluate,
                                               NULL,
                                               0,
                                               0,
                                               NULL,
                                               NULL,
                                               NULL,
                                               NULL};

static psn_rc init(const psn_host* host, psn_err* err) {
    (void)host;
    (void)err;
    return PSN_OK;
}
static void deinit(void) {}
static const void* factory(psn_str id) {
    static const psn_str kId = STR(PSN_HEURISTIC_ID);
    return id.n == kId.n && memcmp(id.p, kId.p, id.n) == 0 ? &kFactory : NULL;
}

static const psn_plugin_entry kEntry = {
    PSN_ABI_MAGIC,
    PSN_ABI_MAJOR,
    PSN_ABI_MINOR,
    sizeof(psn_plugin_entry),
    0,
    STR("{\"id\":\"busy-path\",\"version\":\"1.0\",\"vendor\":\"Persona\",\"maturity\":\"beta\","
        "\"kinds\":[\"heuristic\"]}"),
    init,
    deinit,
    factory};

PSN_EXPORT const psn_plugin_entry* psn_plugin_entry_v1(void) {
    return &kEntry;
}
