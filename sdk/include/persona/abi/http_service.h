/* psn.http-service/1: a role. It declares routes; the host calls handle() for requests that match.
 *
 * A service is created once per process. handle() runs on [loop], on several loops at once, or on
 * [executor] for routes with PSN_ROUTE_BLOCKING. It answers through psn.stream/1, at once or later
 * (after hold()). Returning anything but PSN_OK before answering makes the host answer 500.
 * A blocking handler that finds its executor's queue full is never called: the host answers 503
 * with Retry-After. If handle() returns PSN_OK without an answer and without hold(), the host
 * answers 500.
 */
#pragma once

#include "config.h"
#include "plugin.h"
#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_HTTP_SERVICE_ID "psn.http-service/1"

#define PSN_MATCH_EXACT 1u  /* the path equals pattern */
#define PSN_MATCH_PREFIX 2u /* the path starts with pattern */

#define PSN_BODY_NONE 0u /* a body is read and thrown away within max_body, else 413 */
#define PSN_BODY_BUFFER                                                      \
    1u /* handle() is called when the whole body, at most max_body, is there \
        */
#define PSN_BODY_STREAM \
    2u /* handle() is called with the head; forward() or read_body() take the body */

#define PSN_ROUTE_BLOCKING 1u /* run handle() on the executor */

typedef struct psn_route {
    psn_str method;  /* empty: every method. HEAD is matched by GET routes too */
    psn_str pattern; /* octets of the path, not decoded */
    uint32_t match;
    uint32_t body;
    uint64_t max_body; /* octets; 0: the listener's limit */
    uint32_t flags;
    uint32_t id;      /* passed to handle() */
    psn_str name;     /* label in logs and metrics, [a-z0-9_.-]+ */
    psn_str executor; /* with BLOCKING: name under `executors:`; empty: "default" */
} psn_route;

typedef struct psn_http_service_factory {
    uint32_t struct_size;
    uint32_t option_count;
    const psn_option* options; /* valid for ever */
    /* [control]. The config stays valid until destroy. */
    psn_rc (*create)(const psn_host*, const psn_config*, psn_instance** out, psn_err*);
    /* [control]. Opens what the work needs; may block; failing here fails the start. */
    psn_rc (*activate)(psn_instance*, psn_err*);
    /* [control]. No work is in flight. Joins every thread that the instance made. */
    void (*deactivate)(psn_instance*);
    void (*destroy)(psn_instance*);
    /* [control], after create. Tried in order, the first match wins. Valid until destroy. */
    const psn_route* (*routes)(psn_instance*, uint32_t* count);
    psn_rc (*handle)(psn_instance*, uint32_t route_id, psn_stream*);
    /* [executor]. The service's own health for /__heartbeat__; PSN_OK or why not. deep: also what
     * it depends on. May be NULL: always healthy. */
    psn_rc (*health)(psn_instance*, uint32_t deep, psn_err*);
    const void* (*get_extension)(psn_instance*, psn_str id); /* may be NULL */
} psn_http_service_factory;

#ifdef __cplusplus
}
#endif
