/*
 * fake_server: an admin interface that answers each resource by a text, on a thread of its own.
 *
 * Shapes: answers are matched by method and path (without query), JSON written with ' for "; what
 * has none gets 404. Requests are recorded as "METHOD TARGET" + fields + body. Ownership:
 * fake_server_stop frees. Threads: requests may be read after the verb has returned.
 */
#ifndef TEST_CLI_FAKE_SERVER_H
#define TEST_CLI_FAKE_SERVER_H

#include "capture.h"

struct fake_answer {
    const char *request; /* "GET /v1/status"; NULL ends the list */
    unsigned status;
    const char *json;
};

struct fake_server;

struct fake_server *fake_server_start(const struct fake_answer *answers);
void fake_server_stop(struct fake_server *server);

size_t fake_server_count(const struct fake_server *server);

/* The i-th request, or the last for SIZE_MAX. */
const char *fake_server_line(const struct fake_server *server, size_t i); /* "PUT /v1/share" */
const char *fake_server_head(const struct fake_server *server, size_t i);
const char *fake_server_body(const struct fake_server *server, size_t i);

/* What names the address: "--admin", or of verbs of the engine "--engine". */
extern const char *fake_server_option;

/* Runs a verb against the server: words split at '|', --admin added. Its exit code. */
int fake_server_run(const struct fake_server *server, struct capture *capture, cli_verb_fn *verb,
                    const char *words);

#endif
