/* What the anti-abuse filter knows of a request, and what became of it. Draft: may still change;
 * grows at the end of its structures alone.
 *
 * Keys are 64-bit keyed hashes (SipHash-2-4 under a secret of the deployment); 0 = not known. They
 * are all that belongs in state and in logs: never an address of a client or a person.
 */
#pragma once

#include "../../stream.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a request asks for, from the table of calls. */
#define PSN_ROUTE_STATIC 0u     /* files */
#define PSN_ROUTE_VIEW 1u       /* pages: no extension in the last part of the path */
#define PSN_ROUTE_HEARTBEAT 2u  /* __heartbeat__, ping */
#define PSN_ROUTE_VERIFY 3u     /* the verifier */
#define PSN_ROUTE_CONTEXT 4u    /* session_context */
#define PSN_ROUTE_LOGIN 5u      /* authenticate_user */
#define PSN_ROUTE_STAGE 6u      /* sends a mail */
#define PSN_ROUTE_TOKEN 7u      /* takes a mailed token */
#define PSN_ROUTE_STATUS 8u     /* polls of a flow */
#define PSN_ROUTE_LOOKUP 9u     /* asks about an address or a domain */
#define PSN_ROUTE_ASSERTION 10u /* takes an assertion */
#define PSN_ROUTE_CERTIFY 11u   /* cert_key */
#define PSN_ROUTE_ACCOUNT 12u   /* other calls for those who are signed in */
#define PSN_ROUTE_MEASURE 13u   /* interaction_data */
#define PSN_ROUTE_UNKNOWN 14u   /* nothing that there is */
#define PSN_ROUTE_COUNT 15u

/* What a request of that route may cost. */
#define PSN_TRAIT_HASHES 1u  /* a password is hashed */
#define PSN_TRAIT_MAILS 2u   /* a mail is sent */
#define PSN_TRAIT_FETCHES 4u /* a provider is asked */
#define PSN_TRAIT_WRITES 8u  /* a role that writes serves it */

/* psn_facts.session_class */
#define PSN_SESSION_NONE 0u
#define PSN_SESSION_DEVICE 1u    /* a browser that signed in before */
#define PSN_SESSION_SIGNED_IN 2u /* by a verified bid_class cookie */
#define PSN_SESSION_SITE 3u      /* a relying party in good standing (PSN_GRANT_STANDING) */

/* psn_facts.priority, anti-abuse.md 3.1: who is served first; 0 before 4. */
#define PSN_PRIORITY_COUNT 5u

/* psn_facts.flags */
#define PSN_FACT_KNOWN_DEVICE 1u /* this browser signed in before to the account that it names */
#define PSN_FACT_PAID 2u         /* a challenge was solved (PSN_GRANT_PAID) */
#define PSN_FACT_TRUSTED 4u      /* from `trusted`: never refused; other rules may leave it out */
#define PSN_FACT_COOKIES 8u      /* there is a Cookie field */
#define PSN_FACT_SESSION 16u     /* there is a session cookie; nobody looked into it */
#define PSN_FACT_FORGED 32u      /* a bid_class cookie that is not ours */
#define PSN_FACT_BOXED 64u       /* the prefix is in the penalty box */
#define PSN_FACT_UNPARSED 128u   /* a body that is neither form nor JSON, or over the bounds */
#define PSN_FACT_REHEARSAL 256u  /* nobody is asking: change no state that lasts */
#define PSN_FACT_PROOF 512u      /* there is a BID-Work field */
#define PSN_FACT_QUERY 1024u     /* there is a query */

typedef struct psn_facts {
    uint32_t struct_size;
    uint32_t session_class;      /* PSN_SESSION_* */
    psn_str method, path, route; /* route: "wsapi.stage_user", "verify", "static", "unknown" */
    psn_str client_address;      /* for rules about addresses alone */
    uint64_t prefix_key[3];      /* IPv4 /32, /24, 0; IPv6 /64, /56, /48 */
    uint64_t account_key;        /* of the e-mail address that the request names, in lower case */
    uint64_t domain_key;         /* of its domain; of `domain` where that is asked about */
    uint64_t origin_key;         /* of the site: `site`, `origin` or the Origin field */
    int64_t body_length;         /* octets; -1 unknown */
    int64_t now_ns;              /* monotonic */
    psn_stream* stream;    /* for psn.stream/1 header() alone, in evaluate(); NULL in a replay */
    uint64_t mailbox_key;  /* as account_key, without a "+tag" in the local part */
    uint64_t audience_key; /* of `audience`, to the verifier */
    uint64_t session_key;  /* of the id in a verified bid_class cookie */
    uint64_t agent_key;    /* of User-Agent, Accept-Language and Accept together */
    uint64_t path_key, query_key; /* query: as sent; 0 without one */
    uint32_t route_class;         /* PSN_ROUTE_* */
    uint32_t traits;              /* PSN_TRAIT_* */
    uint32_t priority;            /* 0..4; grants of heuristics before this one count already */
    uint32_t flags;               /* PSN_FACT_* */
    uint32_t credit;  /* distinct accounts that signed in from prefix_key[0] within 7 days */
    uint32_t strikes; /* refusals of that prefix that are not forgotten yet */
    uint32_t weight;  /* that enforced verdicts gave so far */
    uint32_t arg_count;
    /* Top-level members of body and query as text, decoded, at most 32; valid during evaluate()
     * alone, and empty in observe(). To be hashed, measured, checked; never to be kept. */
    const psn_header* args;
    psn_str body;         /* as sent, when it was read whole; evaluate() alone */
    uint64_t request_key; /* names the request; the same in evaluate() and observe() */
} psn_facts;

/* psn_outcome.code, and bits 1 << code of psn_outcome.codes: words of BID-AA-Outcome. */
#define PSN_OUTCOME_NONE 0u
#define PSN_OUTCOME_AUTH_OK 1u          /* auth_ok */
#define PSN_OUTCOME_AUTH_FAIL 2u        /* auth_fail: wrong password of a known account */
#define PSN_OUTCOME_AUTH_UNKNOWN 3u     /* auth_unknown: no such account */
#define PSN_OUTCOME_LOCKED 4u           /* locked: refused by the account's own limit */
#define PSN_OUTCOME_MAIL_SENT 5u        /* mail_sent */
#define PSN_OUTCOME_MAIL_SKIPPED 6u     /* mail_skipped */
#define PSN_OUTCOME_VERIFY_OK 7u        /* verify_ok; also of assertions for sign-in */
#define PSN_OUTCOME_VERIFY_BAD 8u       /* verify_bad */
#define PSN_OUTCOME_VERIFY_BADKEY 9u    /* verify_badkey */
#define PSN_OUTCOME_WK_HIT 10u          /* wk_hit: a provider's document from the cache */
#define PSN_OUTCOME_WK_MISS 11u         /* wk_miss: it was fetched */
#define PSN_OUTCOME_TOKEN_BAD 12u       /* token_bad */
#define PSN_OUTCOME_TOKEN_OK 13u        /* token_ok: a mailed token was right */
#define PSN_OUTCOME_ADDRESS_KNOWN 14u   /* address_known */
#define PSN_OUTCOME_ADDRESS_UNKNOWN 15u /* address_unknown */
#define PSN_OUTCOME_COUNT 16u

/* psn_outcome.flags */
#define PSN_ENDED_REFUSED 1u /* the filter refused it: give back what evaluate() charged */
#define PSN_ENDED_OWN 2u     /* it was this heuristic's verdict that refused it */
#define PSN_ENDED_ABORTED 4u /* the client went before the end */
#define PSN_ENDED_ACTING 8u  /* this heuristic's verdicts are enforced at present */

typedef struct psn_outcome {
    uint32_t struct_size;
    uint32_t status;   /* 0: no answer */
    uint32_t code;     /* the first word of BID-AA-Outcome; 0 none */
    uint32_t cost_us;  /* processor time that the role named (BID-AA-Cost-Us); 0 unknown */
    uint64_t codes;    /* all of them */
    uint32_t queue_us; /* that it waited for a worker of the role (BID-AA-Queue-Us); ~0 unknown */
    uint32_t duration_us; /* from the whole head to the last octet of the answer */
    uint32_t upstream_us; /* waiting for the role */
    uint32_t flags;       /* PSN_ENDED_* */
} psn_outcome;

#ifdef __cplusplus
}
#endif
