/*
 * scripted_server: a socket that reads one request and says what a test wrote down.
 *
 * Shapes: the pieces of the answer are sent one after another, each in a send of its own. A NUL in
 * the request ends what is looked at. Errors: assert. Ownership: scripted_server_stop frees.
 * Threads: one of its own.
 */
#ifndef TEST_CLIENT_SCRIPTED_SERVER_H
#define TEST_CLIENT_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct script {
    const char *pieces[8]; /* NULL ends */
    bool is_silent;        /* accepts, and never answers */
    bool is_deaf;          /* answers before it has read anything */
    bool is_tcp;           /* else a Unix socket */
    size_t filler_len;     /* so many 'x' after the pieces */
};

struct scripted_server;

struct scripted_server *scripted_server_start(const struct script *script);

/* "unix:PATH" or "http://127.0.0.1:PORT" */
const char *scripted_server_address(const struct scripted_server *server);

/* Everything that was received, terminated. Joins the thread; call once, before stop. */
const char *scripted_server_received(struct scripted_server *server);
void scripted_server_stop(struct scripted_server *server);

#endif
