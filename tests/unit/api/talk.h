/*
 * talk: a client of an api server in the same thread: writes, turns the loop, reads.
 *
 * For tests of lib/api and proxy/admin; they link tests/support/virtual_time.c, so that a wait for
 * a deadline takes no time. Shapes: one connection each; what was received is kept until
 * talk_take() cuts one answer off its front. Errors: fail the test. Ownership: talk_close().
 */
#ifndef TEST_TALK_H
#define TEST_TALK_H

#include "lib/net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct talk {
    struct tn_loop *loop;
    int fd;
    bool is_closed; /* the server closed */
    char *in;
    size_t in_len;
    uint64_t since_ms;
};

struct talk_answer {
    unsigned status;
    char head[2048]; /* with its empty line */
    char *body;      /* malloc'd, terminated */
    size_t body_len;
};

void talk_open(struct talk *talk, struct tn_loop *loop, const char *path);
/* The same with a server on TCP. */
void talk_open_tcp(struct talk *talk, struct tn_loop *loop, const struct sockaddr_storage *address);
void talk_close(struct talk *talk);

/* All bytes, turning the loop whenever the socket is full. */
void talk_send(struct talk *talk, const char *bytes, size_t len);
void talk_send_text(struct talk *talk, const char *text);

/* No further bytes from us. */
void talk_shutdown(struct talk *talk);

/* Turns the loop until one answer is whole. head_request: it has no body. */
void talk_take(struct talk *talk, bool head_request, struct talk_answer *ret_answer);
void talk_answer_deinit(struct talk_answer *answer);

/* Turns the loop until the server closed. */
void talk_wait_closed(struct talk *talk);

/* A few turns of the loop; nothing is waited for. */
void talk_turn(struct tn_loop *loop);

/* One request on a connection of its own. body NULL: none. extra: whole lines. */
void talk_once(struct tn_loop *loop, const char *path, const char *request_line, const char *extra,
               const char *body, struct talk_answer *ret_answer);

#endif
