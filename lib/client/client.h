/*
 * client: one request to an admin interface, over its Unix socket or loopback TCP, and the whole
 * answer; blocking.
 *
 * Not for traffic (proxy/upstream) and not for event streams (events.h).
 * Shapes: one connection for each call. A server that is too busy, or that another process has just
 * taken over from, says 503 with Retry-After: it is asked again for TN_CLIENT_AGAIN_MS. The
 * answer's body is terminated, at most TN_CLIENT_BODY_MAX. A token is shown on TCP only. Units: ms.
 * Errors: those of address.h; of connect (-ENOENT nothing there, -ECONNREFUSED nobody listens,
 * -EACCES); -ETIMEDOUT; -EPROTO not HTTP; -ECONNRESET closed before the answer was complete;
 * -EMSGSIZE body too large; -ENOKEY TCP without a token; -ENOMEM. A status such as 409 is no error:
 * the answer carries it. Ownership: the caller frees answers; the client owns nothing but numbers
 * and borrows its texts. Threads: one at a time for each client.
 */
#ifndef TN_CLIENT_CLIENT_H
#define TN_CLIENT_CLIENT_H

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/client/address.h"

#include <jansson.h>
#include <stdint.h>

#define TN_CLIENT_BODY_MAX ((size_t)16 * 1024 * 1024)
#define TN_CLIENT_TIMEOUT_MS 10000
#define TN_CLIENT_AGAIN_MS 2000

struct tn_client {
    struct tn_client_place places[TN_CLIENT_PLACES_MAX];
    size_t place_count;
    size_t place; /* where the last call ended: what its error is about */
    uint64_t timeout_ms;
    const struct tn_clock *clock;
    const char *token;          /* for TCP, or NULL; well-formed (lib/api/token.h), the caller's */
    bool is_tcp;                /* where the last call went */
    const char *protocol_error; /* after -EPROTO: what was wrong, a constant text */
};

/* option: --admin, environment: $TURNOUT_ADMIN; both may be NULL and must outlive the client. */
void tn_client_init(struct tn_client *client, const char *option, const char *environment,
                    const struct tn_clock *clock);

struct tn_client_request {
    const char *method;
    const char *target; /* origin-form, already escaped */
    const char *content_type;
    struct tn_str body;          /* empty: no body fields unless content_type is set */
    const uint64_t *if_revision; /* If-Match, or NULL */
    bool is_stream;              /* asks for events, not for JSON (events.h) */
    const char *last_event_id;   /* or NULL */
};

struct tn_client_answer {
    unsigned status;
    bool is_again; /* the server says when to try again */
    char *body;    /* terminated; "" when there was none */
    size_t body_len;
};

int tn_client_call(struct tn_client *client, const struct tn_client_request *request,
                   struct tn_client_answer *ret_answer);

/* Accepts an answer of zeros. */
void tn_client_answer_deinit(struct tn_client_answer *answer);

/*
 * What went wrong, as sentences for the person at the keyboard: where it looked, what is there,
 * what to do. error: what tn_client_call returned. malloc'd; NULL when out of memory.
 */
char *tn_client_error_text(const struct tn_client *client, int error);

#endif
