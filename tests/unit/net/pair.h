/*
 * pair: two connected streams of one loop over loopback, both ends recording what they are told.
 *
 * Not for tests that need a peer which misbehaves below TCP. Shape: pair_open() runs the loop until
 * both ends are connected; pair_close() closes what is open and proves that the loop is empty.
 * Ownership: the caller's memory.
 */
#ifndef TESTS_UNIT_NET_PAIR_H
#define TESTS_UNIT_NET_PAIR_H

#include "lib/net/listener.h"

enum end_event { END_READ, END_EOF, END_BROKEN, END_DRAINED };

struct end {
    struct tn_stream stream;
    char *bytes; /* everything read */
    size_t len;
    size_t size;
    unsigned eofs, brokens, draineds, closeds, connecteds;
    int error;
    int close_on;    /* closes itself in this event; -1: never */
    bool pause_each; /* pauses after every read */
    bool is_told_after_close;
    void (*on_read)(struct end *end);
};

struct pair {
    struct tn_loop loop;
    struct tn_listener listener;
    struct end client;
    struct end server;
    uv_timer_t guard;
    bool is_overdue;
    bool is_accepted;
    unsigned listener_closeds;
};

extern const struct tn_stream_ops end_ops;

void pair_open(struct pair *pair);
void pair_close(struct pair *pair);

void end_init(struct end *end);

/* One turn of the loop, without waiting. */
void pair_turn(struct pair *pair);

/* Runs until the condition holds; fails the test if it does not within seconds. */
#define PAIR_UNTIL(pair, condition)                                                                \
    do {                                                                                           \
        pair_guard(pair, true);                                                                    \
        while (!(condition)) {                                                                     \
            assert_false((pair)->is_overdue);                                                      \
            uv_run(&(pair)->loop.uv, UV_RUN_ONCE);                                                 \
        }                                                                                          \
        pair_guard(pair, false);                                                                   \
    } while (0)

void pair_guard(struct pair *pair, bool on);

int end_write(struct end *end, const char *bytes, size_t len);

#endif
