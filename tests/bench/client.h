/*
 * client: requests to one server, closed or open loop, and how long each answer took.
 *
 * Closed: each connection sends its next request when the last was answered; a fixed number of
 * requests. It can never be faster than the server, so its latencies say nothing about load
 * (coordinated omission). Open: requests are due at fixed moments whatever the server does; one
 * that finds no idle connection waits for one, and its latency counts from the moment it was due.
 * Not for HTTP in general: answers have a Content-Length, are 200, and nothing is pipelined.
 *
 * Shapes: one thread, libuv; a connection owns nothing but its head of a request and a piece of an
 * answer's head. Units: ns. Errors: a request that fails is counted, and its connection opened
 * anew; a server that cannot be reached ends the program with a message. Ownership: `struct client`
 * and its histograms are the caller's, the connections the client's. Callbacks: `on_stage` once
 * when the warm-up is done and once when all is done, from the loop.
 */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "tests/bench/histogram.h"

#define CLIENT_FIELDS_MAX 8

struct client_options {
    uint16_t port;
    uint32_t connections; /* open loop: at most */
    uint64_t requests;    /* measured; open loop: rate x seconds */
    uint64_t warm;        /* requests before, not measured */
    double rate;          /* requests a second, 0: closed loop */
    const char *method;
    const char *path;
    uint64_t body_bytes; /* of each request */
    const char *fields[CLIENT_FIELDS_MAX];
    const char *odd_field;   /* of every second connection only, NULL: none */
    bool is_keeping_cookies; /* what Set-Cookie gave comes with the next request; and each has a uid
                                of its own */
    bool is_fresh;           /* a connection for each request */
    uint32_t active; /* lock-step: so many send together, and the next ones the next time; 0: all */
    bool is_serial;  /* closed: the warm-up is one request on each connection, one connection after
                        the other */
    bool is_lockstep; /* closed: all connections send together when all were answered */
    bool
        is_waiting; /* after the warm-up for a byte on standard input, and at the end for its end */
};

enum client_stage { CLIENT_WARMING, CLIENT_PAUSED, CLIENT_MEASURING, CLIENT_DONE };

struct client_connection;

struct client {
    struct client_options options;
    uv_loop_t *loop;
    enum client_stage stage;
    struct client_connection *connections;
    struct client_connection
        *idle; /* the last that became so first; with `active` the one that is so longest */
    struct client_connection *idle_last;
    uint32_t opened;  /* places of `connections` in use */
    uint32_t resting; /* lock-step, or at the end of a stage */
    uint64_t sent, answered, failed;
    uint64_t to_send; /* in this stage */
    uint64_t under_way;
    uint64_t began_ns, ended_ns; /* of the measured stage */
    uint64_t bytes;              /* of bodies */
    uint64_t opens;              /* connections that were made */
    uint64_t *due;               /* open loop: ring of moments that wait for a connection */
    uint64_t due_first, due_count, due_size;
    uint64_t due_most;
    double interval_ns;
    uint64_t due_sent; /* open loop: moments that have come */
    int timer_fd;
    uv_poll_t timer;
    char *body;
    struct histogram
        latency;           /* from when it was due (closed: sent) to the last byte of the answer */
    struct histogram late; /* open loop: from when it was due to when we handed it to the kernel */
    void (*on_stage)(struct client *client);
};

/* 0, or negative errno. `options` are kept. */
int client_init(struct client *client, uv_loop_t *loop, const struct client_options *options,
                void (*on_stage)(struct client *client));

/* Begins the warm-up, or the measured stage after CLIENT_PAUSED. */
void client_start(struct client *client);

/* Reads the command line; ends the program with a message when it is wrong. */
void client_read_options(int argc, char **argv, struct client_options *ret_options);

#endif
