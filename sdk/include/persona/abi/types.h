/* The words of the interface: views, results, errors.
 *
 * Ownership: a psn_str is a view, valid for the call that passes it unless the function says
 * otherwise; whoever needs it longer copies it. Whoever allocates frees; nobody frees the other
 * side's memory. No exception, C++ type or allocator crosses. Text is UTF-8, HTTP is octets,
 * neither ends in NUL.
 *
 * Threads, in brackets on every function:
 *   [control]  the host's one control thread
 *   [loop]     an event loop; must not block; calls for several streams run at once on several
 * loops [executor] a worker of a bounded executor; may block [any]      every thread, at any time
 * between create and destroy of the instance
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct psn_str {
    const char* p; /* may be NULL when n is 0 */
    size_t n;      /* octets */
} psn_str;

typedef struct psn_header {
    psn_str name; /* as received or as to be sent; compared without case */
    psn_str value;
} psn_header;

/* Result of a call. Values beyond those known mean PSN_FAIL. */
typedef uint32_t psn_rc;
#define PSN_OK 0u
#define PSN_FAIL 1u        /* see psn_err where there is one */
#define PSN_NOT_FOUND 2u   /* no such name, header, table, upstream */
#define PSN_INVALID 3u     /* an argument is out of its range */
#define PSN_FULL 4u        /* a bounded queue or table is full; try again later */
#define PSN_GONE 5u        /* the stream ended, or was answered already */
#define PSN_AGAIN 6u       /* over the high-water mark; wait for the writable call */
#define PSN_DENIED 7u      /* not allowed on this thread or in this phase */
#define PSN_TIMEOUT 8u     /* the deadline passed */
#define PSN_UNREACHABLE 9u /* the peer could not be connected, or broke off before its answer */
#define PSN_TOO_LARGE 10u  /* over the stated bound */

/* Error text, written by the callee into the caller's buffer. */
typedef struct psn_err {
    char* buf;    /* the caller's; NULL when cap is 0 */
    uint32_t cap; /* size of buf in octets */
    uint32_t len; /* octets written by the callee, <= cap; no NUL is added */
} psn_err;

typedef struct psn_instance psn_instance; /* the plugin's own object; opaque to the host */
typedef struct psn_stream psn_stream;     /* the host's request/response pair; opaque to plugins */
typedef struct psn_config psn_config; /* the host's validated option values; opaque to plugins */

#ifdef __cplusplus
}
#endif
