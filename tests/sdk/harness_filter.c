/* A filter in plain C that does what its option says, for the tests of the harness. */
#include <persona/abi/ext/executor.h>
#include <persona/abi/http_filter.h>
#include <stdlib.h>
#include <string.h>

struct psn_instance {
    const psn_host* host;
    const psn_stream_api* stream;
    const psn_executor_api* executor;
    char what[32];
};

#define STR(literal) \
    { literal, sizeof(literal) - 1 }

static const psn_option kOptions[] = {{STR("do"), PSN_OPT_ENUM, 0, STR("continue"),
                                       STR("continue|reply|pause|pause-long|pause-reply|fail|"
                                           "pause-without-token|reply-and-go-on|no-reply|leak|"
                                           "header|unknown"),
                                       0, 0, STR("what each request meets")},
                                      {STR("limit"), PSN_OPT_SIZE, 0, STR("1KiB"), STR(""), 0, 0,
                                       STR("bodies over it are refused, octets")}};

static psn_rc create(const psn_host* host, const psn_config* config, psn_instance** out,
                     psn_err* err) {
    psn_instance* i = calloc(1, sizeof *i);
    const psn_str config_id = STR(PSN_CONFIG_ID), stream_id = STR(PSN_STREAM_ID),
                  executor_id = STR(PSN_EXECUTOR_ID), name = STR("do");
    psn_str value = {NULL, 0};
    const psn_config_api* c = host->get_extension(host, config_id);
    (void)err;
    i->host = host;
    i->stream = host->get_extension(host, stream_id);
    i->executor = host->get_extension(host, executor_id);
    c->get_string(config, name, &value);
    memcpy(i->what, value.p, value.n < sizeof i->what ? value.n : sizeof i->what - 1);
    *out = i;
    return PSN_OK;
}
static void destroy(psn_instance* i) {
    free(i);
}
static void bodyModes(psn_instance* i, psn_filter_body* out) {
    (void)i;
    out->request_mode = PSN_FILTER_BODY_BUFFER;
    out->request_max = 1024;
    out->response_mode = PSN_FILTER_BODY_STREAM;
}

struct job {
    const psn_stream_api* stream;
    psn_token token;
    int reply;
};
static const psn_response kTeapot = {sizeof(psn_response), 418, NULL, 0, 0, STR("short and stout")};

static void resumeLater(void* user, uint32_t late) {
    struct job* j = user;
    (void)late;
    if (j->reply) {
        /* An answer that is none ends no pause. */
        const psn_response none = {sizeof none, 200, NULL, 1, 0, STR("")};
        if (j->stream->resume_reply(j->token, &none) == PSN_INVALID)
            j->stream->resume_reply(j->token, &kTeapot);
    } else
        j->stream->resume(j->token, PSN_FILTER_CONTINUE);
    /* A second resume of the same token is stale, and must do nothing. */
    j->stream->resume(j->token, PSN_FILTER_FAIL);
    free(j);
}

static uint32_t onRequest(psn_instance* i, void* ctx, psn_stream* s) {
    const psn_str none = {NULL, 0}, name = STR("x-seen"), value = STR("yes");
    (void)ctx;
    if (strcmp(i->what, "header") == 0) {
        i->stream->set_request_header(s, name, value);
        return PSN_FILTER_CONTINUE;
    }
    if (strcmp(i->what, "reply") == 0) {
        i->stream->respond(s, &kTeapot);
        return PSN_FILTER_REPLY;
    }
    if (strcmp(i->what, "reply-and-go-on") == 0) {
        i->stream->respond(s, &kTeapot);
        return PSN_FILTER_CONTINUE;
    }
    if (strcmp(i->what, "no-reply") == 0) return PSN_FILTER_REPLY;
    if (strcmp(i->what, "fail") == 0) return PSN_FILTER_FAIL;
    if (strcmp(i->what, "unknown") == 0) return 77;
    if (strcmp(i->what, "pause-without-token") == 0) return PSN_FILTER_PAUSE;
    if (strcmp(i->what, "pause-long") == 0) {
        i->stream->pause_token(s);
        return PSN_FILTER_PAUSE;
    }
    if (strncmp(i->what, "pause", 5) == 0) {
        struct job* j = malloc(sizeof *j);
        j->stream = i->stream;
        j->token = i->stream->pause_token(s);
        j->reply = strcmp(i->what, "pause-reply") == 0;
        if (i->executor->submit(i->host, none, 0, resumeLater, j) != PSN_OK) {
            free(j);
            return PSN_FILTER_FAIL;
        }
        return PSN_FILTER_PAUSE;
    }
    return PSN_FILTER_CONTINUE;
}
static uint32_t onResponse(psn_instance* i, void* ctx, psn_stream* s) {
    const psn_str name = STR("x-passed"), value = STR("yes");
    (void)ctx;
    i->stream->set_response_header(s, name, value);
    return PSN_FILTER_CONTINUE;
}

static const psn_http_filter_factory kFactory = {sizeof(psn_http_filter_factory),
                                                 sizeof kOptions / sizeof *kOptions,
                                                 kOptions,
                                                 create,
                                                 NULL,
                                                 NULL,
                                                 destroy,
                                                 bodyModes,
                                                 NULL,
                                                 onRequest,
                                                 NULL,
                                                 onResponse,
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
    return id.n == sizeof PSN_HTTP_FILTER_ID - 1 && memcmp(id.p, PSN_HTTP_FILTER_ID, id.n) == 0
               ? &kFactory
               : NULL;
}
static const psn_plugin_entry kEntry = {
    PSN_ABI_MAGIC,
    PSN_ABI_MAJOR,
    PSN_ABI_MINOR,
    sizeof(psn_plugin_entry),
    0,
    STR("{\"id\":\"sample-filter\",\"version\":\"1.0\",\"vendor\":\"tests\",\"maturity\":"
        "\"stable\",\"kinds\":[\"http-filter\"]}"),
    init,
    deinit,
    factory};
PSN_EXPORT const psn_plugin_entry* psn_plugin_entry_v1(void) {
    return &kEntry;
}
