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

/*
 * How many retries a loop may make: a fifth of its requests, and never fewer than three a second.
 * Without a bound, retries double the load of a service that is failing because of its load (the
 * idea of a retry budget: Finagle). Kept in tenths of a retry.
 */
struct px_retry_budget {
    uint32_t tenths;
};

#define PX_RETRY_BUDGET_FLOOR 30 /* three retries */
#define PX_RETRY_BUDGET_CEILING 1000
#define PX_RETRY_BUDGET_DEPOSIT 2 /* of each request: 20 % */
#define PX_RETRY_BUDGET_PRICE 10

void px_retry_budget_init(struct px_retry_budget *budget);
void px_retry_budget_add_request(struct px_retry_budget *budget);
void px_retry_budget_add_second(struct px_retry_budget *budget);

/* True: there is room for one more, and it is taken. */
bool px_retry_budget_take(struct px_retry_budget *budget);

/* PX_RETRY_COUNT: no retry. */
enum px_retry px_retry_decide(const struct px_retry_question *question);

#endif
