/* psn.stream/1: one request and its response, as services and filters see it.
 *
 * Life: a psn_stream is valid during the call that passes it; hold() keeps it valid until
 * release(). Every function may be called on [any] thread unless it says [loop]; a call on another
 * thread than the stream's loop takes effect there, in the order in which one thread made its
 * calls. After the client has gone, or after the answer, calls return PSN_GONE and do nothing.
 */
#pragma once

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_STREAM_ID "psn.stream/1"

/* Where a request came from. */
#define PSN_ORIGIN_NETWORK 0u /* a socket */
#define PSN_ORIGIN_INPROC 1u  /* another plugin of this process; no socket in between */

typedef struct psn_request {
    uint32_t struct_size;
    uint32_t origin;        /* PSN_ORIGIN_* */
    psn_str method;         /* "GET"; case as sent */
    psn_str target;         /* origin form, path and query, not decoded */
    psn_str path;           /* target up to '?', not decoded */
    psn_str query;          /* after '?', or empty */
    psn_str scheme;         /* "http" or "https": of the client, after trusted proxies */
    psn_str authority;      /* the Host field */
    psn_str client_address; /* textual IP after trusted proxies; "unix" for a local socket */
    psn_str peer_address;   /* textual IP of the socket's peer */
    psn_str request_id;     /* 1 to 64 octets of [A-Za-z0-9_-], made by the host or by a filter */
    const psn_header* headers;
    uint32_t header_count;
    uint32_t has_body;      /* 1 when a Content-Length over 0 or a chunked body was announced */
    int64_t content_length; /* octets; -1 = chunked or none */
    int64_t received_ns;    /* monotonic clock when the head was complete */
} psn_request;

typedef struct psn_response {
    uint32_t struct_size;
    uint32_t status;           /* 200..599 */
    const psn_header* headers; /* without Content-Length, Transfer-Encoding, Connection, Date */
    uint32_t header_count;
    uint32_t reserved;
    psn_str body;
} psn_response;

/* psn_forward.flags. The answer's fields BID-AA-Outcome, BID-AA-Cost-Us and BID-AA-Queue-Us are for
 * the filters: they are taken out behind the last one. */
#define PSN_FORWARD_HIDE_REPORT 1u

typedef struct psn_forward {
    uint32_t struct_size;
    uint32_t flags;                /* PSN_FORWARD_* */
    psn_str upstream;              /* name under `upstreams:` in the configuration */
    psn_str target;                /* empty: the request's own target */
    const psn_header* set_headers; /* replace or add */
    uint32_t set_count;
    uint32_t remove_count;
    const psn_str* remove_headers;
    uint64_t deadline_ms; /* 0: the upstream's own; over 30 days counts as that */
} psn_forward;

typedef uint64_t psn_token; /* names a paused filter call; never reused, stale ones are ignored */

/* One call for each piece of the request body, in order, on [loop]; end is 1 with the last (which
 * may be empty). Return PSN_OK for more, PSN_AGAIN to stop reading until resume_read(), else to
 * abort. */
typedef psn_rc (*psn_body_fn)(void* user, psn_stream*, psn_str chunk, uint32_t end);
/* The response buffer fell under its low-water mark. [loop] */
typedef void (*psn_writable_fn)(void* user, psn_stream*);

typedef struct psn_stream_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* The struct stays valid as long as the stream; its views until a field is changed or the
     * request is forwarded. Filters' changes show in later calls. */
    const psn_request* (*request)(psn_stream*);
    /* First field of that name; PSN_NOT_FOUND. */
    psn_rc (*header)(psn_stream*, psn_str name, psn_str* value);
    /* The whole body, in routes with PSN_BODY_BUFFER; valid as long as the stream. Else empty. */
    psn_str (*body)(psn_stream*);
    /* Copies. Once per stream. In a filter's call it takes effect when the call returns REPLY. */
    psn_rc (*respond)(psn_stream*, const psn_response*);
    /* Streaming answer: start (body ignored; content_length -1 = chunked), then write until end
     * is 1. write copies; PSN_AGAIN: taken, but wait for the writable call before writing more. */
    psn_rc (*start)(psn_stream*, const psn_response*, int64_t content_length, psn_writable_fn,
                    void* user);
    psn_rc (*write)(psn_stream*, psn_str data, uint32_t end);
    /* Streaming request body: [loop], during handle(), in routes with PSN_BODY_STREAM. */
    psn_rc (*read_body)(psn_stream*, psn_body_fn, void* user);
    psn_rc (*resume_read)(psn_stream*);
    /* Hands the rest of the request to an upstream, which then answers it; body and answer are
     * relayed without the plugin. PSN_NOT_FOUND: no such upstream. */
    psn_rc (*forward)(psn_stream*, const psn_forward*);
    /* Ends without an answer: the connection is closed. */
    void (*abort)(psn_stream*);
    void (*hold)(psn_stream*);
    void (*release)(psn_stream*);
    uint32_t (*is_gone)(psn_stream*); /* 1 when nobody waits for the answer any more */

    /* For filters. */
    psn_rc (*set_request_header)(psn_stream*, psn_str name, psn_str value); /* request phases */
    psn_rc (*remove_request_header)(psn_stream*, psn_str name);
    psn_rc (*set_response_header)(psn_stream*, psn_str name,
                                  psn_str value); /* on_response_headers */
    psn_rc (*add_response_header)(psn_stream*, psn_str name, psn_str value);
    psn_rc (*remove_response_header)(psn_stream*, psn_str name);
    psn_rc (*response_header)(psn_stream*, psn_str name, psn_str* value);
    uint32_t (*response_status)(psn_stream*); /* 0 before there is one */
    psn_rc (*set_request_id)(psn_stream*, psn_str id);
    psn_token (*pause_token)(
        psn_stream*); /* [loop] in a filter call that is going to return PAUSE */
    psn_rc (*resume)(psn_token, uint32_t result /* PSN_FILTER_CONTINUE or PSN_FILTER_FAIL */);
    /* PSN_INVALID: not a response that respond() would take; the pause goes on. */
    psn_rc (*resume_reply)(psn_token, const psn_response*);
    /* Values shared by the filters of one request, copied; keys are namespaced "plugin-id.name". */
    psn_rc (*set_value)(psn_stream*, psn_str key, psn_str value);
    psn_rc (*get_value)(psn_stream*, psn_str key, psn_str* value);
} psn_stream_api;

#ifdef __cplusplus
}
#endif
