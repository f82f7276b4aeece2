/* psn.config/1: options, declared by the plugin, validated by the host.
 *
 * A factory lists its options; the host checks the YAML against them (unknown key, wrong type,
 * unit, range, missing: an error with file, line and column), fills in defaults, and passes the
 * values to create. Authors write no parser. Names are dotted paths ("database.path" is the key
 * `path` in the map `database`).
 */
#pragma once

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSN_CONFIG_ID "psn.config/1"

typedef uint32_t psn_option_type;
#define PSN_OPT_STRING 1u
#define PSN_OPT_INT 2u      /* 64 bit signed */
#define PSN_OPT_BOOL 3u     /* true or false */
#define PSN_OPT_DOUBLE 4u   /* finite */
#define PSN_OPT_DURATION 5u /* "30s", "250ms", "5m", "2h", "28d"; read in milliseconds */
#define PSN_OPT_SIZE 6u     /* "10KiB", "1MiB", "512B"; read in octets */
#define PSN_OPT_LIST 7u     /* list of strings */
#define PSN_OPT_ENUM 8u     /* one of `choices`, separated by '|' */
#define PSN_OPT_MAP 9u      /* map from string to string */

#define PSN_OPT_REQUIRED 1u /* no default: absent is an error */
#define PSN_OPT_SECRET 2u   /* masked wherever configuration is printed; never logged */
#define PSN_OPT_HOT 4u      /* may change without a new process */
#define PSN_OPT_LOOPBACK 8u /* BOOL: true is refused unless every listener is loopback or unix */

typedef struct psn_option {
    psn_str name;
    psn_option_type type;
    uint32_t flags;
    psn_str def;      /* default as it would stand in YAML; "": an empty list or map */
    psn_str choices;  /* ENUM only */
    int64_t min, max; /* INT, DURATION (ms), SIZE (octets): inclusive; both 0 = no bounds */
    psn_str doc;      /* one line, with the unit */
} psn_option;

typedef struct psn_config_api {
    uint32_t struct_size;
    uint32_t reserved;
    /* All [any]; views stay valid as long as the instance that was created with this config.
     * PSN_NOT_FOUND: the name was not declared, or not with a type that fits the call. */
    psn_rc (*get_string)(const psn_config*, psn_str name, psn_str* out); /* STRING, ENUM */
    psn_rc (*get_int)(const psn_config*, psn_str name,
                      int64_t* out); /* INT, BOOL, DURATION, SIZE */
    psn_rc (*get_double)(const psn_config*, psn_str name, double* out);
    psn_rc (*list_size)(const psn_config*, psn_str name, uint32_t* out); /* LIST, MAP */
    /* LIST: value alone. MAP: key and value, in the order of the file. */
    psn_rc (*list_at)(const psn_config*, psn_str name, uint32_t i, psn_str* key, psn_str* value);
    /* 1 when the file set the option, 0 when it has its default. */
    uint32_t (*is_set)(const psn_config*, psn_str name);
} psn_config_api;

#ifdef __cplusplus
}
#endif
