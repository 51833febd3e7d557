/*
 * exchange: one request and its answer: shared by the files of session/.
 *
 * Not for other rooms. State of an exchange, by side:
 *
 *   request:   HEAD ──▶ BODY ──▶ DONE              bytes of the client
 *   response:  WAITING ──▶ BODY ──▶ DONE           bytes of the upstream
 *
 *   upstream NULL: no connection yet, or not any more. is_blocked: no request bytes are parsed
 * before the upstream can take them. The exchange ends when the response is DONE, or at its first
 * failure; what the client has not sent by then is never read as a request: the connection is
 * closed. Ownership: a client frees itself when its stream is closed; the exchange belongs to its
 * client, one at a time.
 */
#ifndef PX_SESSION_EXCHANGE_H
#define PX_SESSION_EXCHANGE_H

#include "lib/http/writer.h"
#include "proxy/session/client.h"
#include "proxy/session/failure.h"

#include <netinet/in.h>

#define PX_EXCHANGE_COPIES (PX_MIRRORS_MAX + 1) /* of each mirror, and the baseline's */
#define PX_HEAD_INLINE_BYTES 2048
#define PX_REQUEST_ID_BYTES 128
#define PX_ADDRESS_BYTES INET6_ADDRSTRLEN

enum px_request_state { PX_REQUEST_HEAD, PX_REQUEST_BODY, PX_REQUEST_DONE };
enum px_response_state { PX_RESPONSE_WAITING, PX_RESPONSE_BODY, PX_RESPONSE_DONE };

struct px_exchange {
    struct px_client *client;
    struct px_upstream *upstream;
    struct px_snapshot_use *rules; /* NULL until the head is complete */
    const struct px_snapshot_rule *rule;
    struct tn_list node; /* among the session's tunnels, or its spares */
    enum px_request_state request_state;
    enum px_response_state response_state;
    bool is_blocked;
    bool is_head_unsent;      /* the forwarded head waits for body bytes or a flush */
    bool is_response_chunked; /* how we frame the body for the client */
    bool is_until_close;      /* the body ends with the client's connection */
    bool is_keep_alive;       /* with the client, once the answer is out */
    bool has_answer_bytes;    /* anything received on this upstream connection */
    bool has_retried_reused;
    bool is_request_cut; /* the upstream takes no more of the body, but may have answered */
    bool is_tunnel;
    bool is_client_1_0;
    uint8_t interim_count;

    uint64_t revision; /* that decided it: a tunnel moves on to later rules */
    uint64_t started_ns;
    uint64_t upstream_started_ns; /* request sent */
    uint64_t upstream_first_ns;   /* first byte of the answer */
    uint64_t total_deadline_ms;   /* TN_DEADLINE_NEVER: off */
    uint64_t window_started_ms;   /* since when the floor of the body's speed is measured */
    uint64_t window_bytes;        /* body_bytes_in at that moment */
    uint64_t body_bytes_in;
    uint64_t body_bytes_out;
    uint32_t tries;
    uint32_t tried[PX_TRIES_MAX];
    unsigned status; /* sent to the client */
    enum px_failure failure;
    uint8_t goals;           /* bit i: its head is one that rule->goals[i] asks for */
    struct px_waiter waiter; /* for an endpoint with room */
    struct px_mirror_copy *mirrors[PX_EXCHANGE_COPIES];
    struct px_mirror_case *compared; /* NULL: the answer is compared with nothing */

    char *forward; /* the head as forwarded; kept for a retry and for the log */
    uint32_t forward_len;
    uint32_t target_offset, target_len, method_len; /* within forward */
    uint8_t request_id_len, client_text_len, peer_text_len;

    char *partial; /* part of the upstream's head, when it came in pieces */
    uint32_t partial_len;

    /* Zeroed up to here, the decision but for its text; the rest is filled when it is used. */
    struct px_decision decision;
    char request_id[PX_REQUEST_ID_BYTES];
    char client_text[PX_ADDRESS_BYTES]; /* who it is after trusted_proxies: log, decisions */
    char peer_text[PX_ADDRESS_BYTES];   /* who is connected: X-Forwarded-For */
    struct tn_http_parser parser;       /* of the request; an idle client has none */
    struct tn_http_head
        request; /* slices are valid only while the head is handled; the flags stay */
    struct tn_http_head response;
    char forward_inline[PX_HEAD_INLINE_BYTES];
};

/* exchange.c */
struct px_exchange *px_exchange_new(struct px_client *client);
void px_exchange_fail(struct px_exchange *exchange, enum px_failure failure);
void px_exchange_refuse(struct px_exchange *exchange, enum tn_http_error error);
void px_exchange_finish(
    struct px_exchange *exchange); /* the answer is out: log, count, next request */
void px_exchange_abandon(struct px_exchange *exchange,
                         enum px_failure failure); /* nobody to answer to */
void px_exchange_set_deadline(struct px_exchange *exchange,
                              uint64_t after_ms); /* total is heeded */
void px_exchange_on_deadline(struct px_exchange *exchange);
struct tn_str px_session_date(struct px_session *session);
/* Where it is counted: the version that answers, else the one that should have, else nobody. */
struct px_stats_cell *px_exchange_cell(const struct px_exchange *exchange);
/* Its status and how long it took, once. */
void px_exchange_count_answer(const struct px_exchange *exchange, struct px_stats_cell *cell,
                              uint64_t duration_us);

/* judge.c */
void px_judge_decision(struct px_exchange *exchange, const struct px_route_request *request);
void px_judge_answer(struct px_exchange *exchange, uint64_t duration_us);

/* request.c */
void px_request_head(struct px_exchange *exchange);
void px_request_body(struct px_exchange *exchange, const struct tn_http_step *step);
void px_request_flush(struct px_exchange *exchange);
void px_request_wait(
    struct px_exchange *exchange); /* sets the deadline for the upstream's first byte */
void px_request_read_body(struct px_exchange *exchange); /* starts to measure the body's speed */

/* mirrors.c */
void px_exchange_count_passed_over(const struct px_exchange *exchange, bool is_refused);
void px_exchange_begin_mirrors(struct px_exchange *exchange,
                               const struct tn_http_forward_request *primary);
void px_exchange_feed_mirrors(struct px_exchange *exchange, const struct tn_http_step *step);
void px_exchange_end_mirrors(struct px_exchange *exchange);
void px_exchange_abort_mirrors(struct px_exchange *exchange);
/* The head of the final answer is there; only where the exchange is compared. */
void px_exchange_compare_head(struct px_exchange *exchange);
/* The answer is complete, or will never be. */
void px_exchange_compare_end(struct px_exchange *exchange, bool is_whole);

/* connect.c */
void px_exchange_connect(struct px_exchange *exchange);
bool px_exchange_retry(struct px_exchange *exchange); /* after a failure of the upstream */
void px_exchange_release(struct px_exchange *exchange, bool healthy);

/* The endpoint's connection or protocol failed this request. */
void px_exchange_blame_endpoint(struct px_exchange *exchange);

/* response.c */
void px_response_read(struct px_upstream *upstream, char *data, size_t len);
void px_response_eof(struct px_upstream *upstream);
void px_response_broken(struct px_upstream *upstream, int error);

/* answer.c */
/* 503 to a client whose request was not even read, because there are too many. */
void px_answer_refused(struct px_client *client);
void px_answer_error(struct px_exchange *exchange, unsigned status, const char *why);
void px_answer_options(struct px_exchange *exchange); /* OPTIONS that may go no further */

/* tunnel.c */
void px_tunnel_start(struct px_exchange *exchange);
void px_tunnel_client_read(struct px_exchange *exchange, const char *data, size_t len);
void px_tunnel_upstream_read(struct px_exchange *exchange, const char *data, size_t len);
void px_tunnel_client_eof(struct px_exchange *exchange);
void px_tunnel_upstream_eof(struct px_exchange *exchange);
void px_tunnel_upstream_drained(struct px_exchange *exchange);
void px_tunnel_uncount(struct px_exchange *exchange); /* it is over */
void px_tunnels_move_on(struct px_session *session);  /* to the session's present rules */

/* peer.c */
/* Who the client is after trusted_proxies: the peer, or the nearest address in X-Forwarded-For that
 * is not ours. */
void px_peer_resolve(struct px_exchange *exchange, struct sockaddr_storage *ret_address);

#endif
