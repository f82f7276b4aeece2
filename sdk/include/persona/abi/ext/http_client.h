/* psn.http-client/1: requests to configured upstreams (in-process ones too), and to the web. */
#pragma once

#include "../host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_HTTP_CLIENT_ID "psn.http-client/1"

/* For url requests: connect also to private, loopback and link-local addresses. */
#define PSN_CLIENT_ALLOW_PRIVATE 1u

typedef struct psn_client_request {
    uint32_t struct_size;
    uint32_t flags;
    psn_str upstream; /* name under `upstreams:`; empty: url counts */
    psn_str url;      /* absolute http or https URL; TLS names and chains are always verified */
    psn_str method;   /* a token; empty: GET */
    psn_str
        target; /* with upstream: path and query; with url: empty, or what takes the place of its
                   path, such as an absolute URL that the server at `url` is to fetch as a proxy */
    const psn_header* headers; /* no control characters but HT; a value of at most 16 KiB */
    uint32_t header_count;     /* at most 256 */
    uint32_t reserved;
    psn_str body;
    uint64_t max_body;    /* octets of the answer; 0: 1 MiB */
    uint64_t deadline_ms; /* for all of it, 30 days at most; 0: the upstream's total, or 15 s */
} psn_client_request;

typedef struct psn_client_response {
    uint32_t struct_size;
    uint32_t status; /* 0 when rc is not PSN_OK */
    const psn_header* headers;
    uint32_t header_count;
    uint32_t reserved;
    psn_str body;
} psn_client_response;

/* Exactly once per request that was taken, on [any] thread; must not block. Views end with the
 * call. rc: PSN_OK, PSN_TIMEOUT, PSN_UNREACHABLE, PSN_TOO_LARGE, PSN_FULL, PSN_DENIED (address
 * refused), PSN_FAIL (not HTTP). No redirect is followed. detail: why, for logs. */
typedef void (*psn_client_fn)(void* user, psn_rc rc, const psn_client_response*, psn_str detail);

typedef struct psn_http_client_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* [any] Copies the request. Not PSN_OK: fn is never called. PSN_INVALID: the method, the target
     * (which begins with '/' for an upstream and has no blanks or control characters) or a field
     * could not stand in one request. */
    psn_rc (*send)(const psn_host*, const psn_client_request*, psn_client_fn, void* user);
} psn_http_client_api;

#ifdef __cplusplus
}
#endif
