/* psn.http-filter/1: a member of the chain in front of a service.
 *
 * Requests pass the filters in the order of the configuration, responses in reverse. One instance
 * per configured block; calls for one stream come one at a time, on that stream's loop [loop].
 * After PAUSE nothing more of that direction is read until resume; when pause_deadline passes
 * first, the filter's on_error decides. A fault (PSN_FILTER_FAIL, an exception caught at the
 * border, a deadline) counts towards the breaker and is answered as on_error says.
 */
#pragma once

#include "config.h"
#include "plugin.h"
#include "stream.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_HTTP_FILTER_ID "psn.http-filter/1"

#define PSN_FILTER_CONTINUE 0u
#define PSN_FILTER_PAUSE 1u /* took pause_token(); resume() or resume_reply() will follow */
#define PSN_FILTER_REPLY 2u /* the filter called respond(); later filters see on_complete alone */
#define PSN_FILTER_FAIL 3u

#define PSN_FILTER_BODY_NONE 0u
#define PSN_FILTER_BODY_STREAM 1u /* pieces of at most 16 KiB */
/* One call with all of it; over the maximum (1 octet to 16 MiB): 413, or 502. No call for a request
 * without a body. A response is then held whole, head and all, before it passes the chain: each
 * filter sees head and body, and may still reply, before the next one sees anything. */
#define PSN_FILTER_BODY_BUFFER 2u

typedef struct psn_filter_body {
    uint32_t request_mode, response_mode; /* PSN_FILTER_BODY_* */
    uint64_t request_max, response_max;   /* octets, BUFFER only */
} psn_filter_body;

typedef struct psn_summary {
    uint32_t struct_size;
    uint32_t status;         /* as sent; 0 when the client went before an answer */
    uint64_t request_bytes;  /* of the body */
    uint64_t response_bytes; /* of the body, as sent */
    int64_t duration_ns;     /* head complete to last octet handed to the socket */
    int64_t upstream_ns;     /* waiting for the upstream; 0 when none */
    psn_str route;           /* label of the route, or empty */
    psn_str upstream;        /* name, or empty */
    psn_str local_reply; /* id of the filter that answered; "host" when the host did; or empty */
    uint32_t aborted;    /* 1: the client went before the end */
    uint32_t reserved;
} psn_summary;

typedef struct psn_http_filter_factory {
    uint32_t struct_size;
    uint32_t option_count;
    const psn_option* options; /* valid for ever */
    psn_rc (*create)(const psn_host*, const psn_config*, psn_instance** out,
                     psn_err*);                              /* [control] */
    psn_rc (*activate)(psn_instance*, psn_err*);             /* [control] */
    void (*deactivate)(psn_instance*);                       /* [control] */
    void (*destroy)(psn_instance*);                          /* [control] */
    void (*body_modes)(psn_instance*, psn_filter_body* out); /* [control], after create */
    /* Context of one stream: made before the first call, freed by on_complete. NULL is allowed. */
    void* (*open)(psn_instance*, psn_stream*);
    uint32_t (*on_request_headers)(psn_instance*, void* ctx, psn_stream*);
    uint32_t (*on_request_body)(psn_instance*, void* ctx, psn_stream*, psn_str chunk, uint32_t end);
    uint32_t (*on_response_headers)(psn_instance*, void* ctx, psn_stream*);
    uint32_t (*on_response_body)(psn_instance*, void* ctx, psn_stream*, psn_str chunk,
                                 uint32_t end);
    /* Always the last call of a stream, also for streams that were cut. */
    void (*on_complete)(psn_instance*, void* ctx, psn_stream*, const psn_summary*);
    const void* (*get_extension)(psn_instance*, psn_str id); /* may be NULL */
} psn_http_filter_factory;

/* Any on_* may be NULL: CONTINUE. open may be NULL: ctx is NULL. */

#ifdef __cplusplus
}
#endif
