/*
 * talk: one HTTP request over a socket to a server in the same process.
 *
 * Not for keep-alive: every request asks to close, and the answer is what came until then.
 * Errors: fail the test. Ownership: the answer is the caller's. Threads: any.
 */
#ifndef APP_TALK_H
#define APP_TALK_H

#include "app/address.h"
#include "tests/unit/app/test.h"

#define TALK_SIZE 65536

struct talk_answer {
    int status;           /* 0: closed without an answer */
    char text[TALK_SIZE]; /* head and body */
    const char *body;
};

/* A listening socket on a free loopback port. */
int talk_listen(struct app_address *ret_address);

/* Sends it as it is. */
void talk_send(const struct app_address *address, const char *message, struct talk_answer *answer);

/* "GET /", with fields ("" or lines that end in \r\n) and a body ("" for none). */
void talk(const struct app_address *address, const char *line, const char *fields, const char *body,
          struct talk_answer *answer);

#endif
