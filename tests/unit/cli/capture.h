/*
 * capture: a context whose screens are texts, and whose clock stands still.
 *
 * Shapes: out and err are read with capture_out/capture_err, which flush first; the texts stay
 * valid until capture_end. The wall clock says 2026-11-03T08:00:00Z. Threads: one.
 */
#ifndef TEST_CLI_CAPTURE_H
#define TEST_CLI_CAPTURE_H

#include "cli/cli.h"

#include <jansson.h>

struct capture {
    struct cli_context context;
    char *out;
    char *err;
    size_t out_len;
    size_t err_len;
};

void capture_start(struct capture *capture);
const char *capture_out(struct capture *capture);
const char *capture_err(struct capture *capture);
void capture_end(struct capture *capture);

/* JSON with ' instead of ", so that tests can be read. Fails the test when it is none. */
json_t *capture_json(const char *text);

#endif
