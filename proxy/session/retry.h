/*
 * retry: whether a request may be sent once more, and why not. Pure.
 *
 * RFC 9110 9.2.2 and RFC 9112 9.3.1: by itself a proxy repeats only what cannot have been acted on,
 * or what may be done twice; never a repeated request's failure of the second kind.
 */
#ifndef PX_SESSION_RETRY_H
#define PX_SESSION_RETRY_H

#include "proxy/stats/stats.h"

#include <stdbool.h>
#include <stdint.h>

struct px_retry_question {
    bool is_connected;     /* the connection had come about */
    bool is_reused;        /* it had carried a request before */
    bool has_answer_bytes; /* anything of an answer was received */
    bool is_idempotent;
    bool has_body;           /* body bytes cannot be sent again: they are not kept */
    uint32_t tries;          /* connections used up so far */
    uint32_t tries_max;      /* 1 + endpoints of the version, at most PX_TRIES_MAX */
    bool has_retried_reused; /* the one retry of that kind was spent */
};

/* PX_RETRY_COUNT: no retry. */
enum px_retry px_retry_decide(const struct px_retry_question *question);

#endif
