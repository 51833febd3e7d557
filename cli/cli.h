/*
 * cli: what every verb is given, and what it answers.
 *
 * Shapes: a verb is run with argv[0] as its own name. What was asked for goes to `out`, all else
 * (errors, progress) to `err`. Units: exit codes of the process. Errors: a verb prints them itself.
 * Ownership: the context is main's. Threads: one; only `serve` starts others.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "lib/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1, /* or refused */
    CLI_WRONG_USAGE = 2,
    CLI_STALE = 3,     /* --if-revision names another revision than the present one */
    CLI_TIMED_OUT = 4, /* or partly applied */
};

struct json_t;

struct cli_context {
    FILE *out;
    FILE *err;
    bool colour;      /* out is a terminal and NO_COLOR is not set */
    bool is_terminal; /* out is a terminal */
    const struct tn_clock *clock;
    struct json_t *description; /* not NULL: verbs describe themselves into it (describe.h) */
};

typedef int(cli_verb_fn)(struct cli_context *context, int argc, char **argv);

struct cli_verb {
    const char *name;
    const char *summary;
    cli_verb_fn *run;
};

/* Verbs that belong together, as --help shows them. */
struct cli_section {
    const char *title;
    const struct cli_verb *verbs;
    size_t count;
};

cli_verb_fn cli_serve, cli_check, cli_reload, cli_get, cli_status, cli_mirror, cli_route, cli_set,
    cli_explain, cli_history, cli_undo, cli_abort, cli_promote, cli_drain, cli_cut, cli_undrain,
    cli_engine, cli_update, cli_token;

#endif
