/*
 * admin: how a verb talks to the running proxy, and how failures are told.
 *
 * Not for what an answer means (change.h, view.h). A token is never in the command line, which
 * everybody on the machine can read.
 * Shapes: answers are JSON objects. Errors: exit codes of cli.h; the message is printed. A timeout
 * is CLI_TIMED_OUT: a change may have been made all the same, and the message says so. Ownership:
 * the caller's json_t. Threads: one.
 */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "cli/args.h"
#include "lib/api/token.h"
#include "lib/client/client.h"

struct cli_admin {
    const char *address;    /* --admin, or NULL */
    const char *token_file; /* --token-file, or NULL */

    struct cli_context *context;
    const char *command; /* "turnout set share": begins each message */
    struct tn_client client;
    char token[TN_TOKEN_SIZE];
    char *token_why; /* why there is none to show, or NULL */
    int error;       /* of the last call: negative errno when there was no answer, else 0 */
};

/* --admin, and the options of clusters, which are not yet supported. */
struct cli_option_group cli_admin_group(struct cli_admin *admin);

/* After the options were parsed. */
void cli_admin_start(struct cli_admin *admin, const struct cli_parse *parse);

/* file: what lines and columns of the answer are about, or NULL. ret_json: a new reference. */
int cli_admin_call(struct cli_admin *admin, const struct tn_client_request *request,
                   const char *file, json_t **ret_json);

int cli_admin_read(struct cli_admin *admin, const char *target, json_t **ret_json);

/*
 * As cli_admin_read, but says nothing: ret_why (malloc'd) gets the message when the code is not
 * CLI_DONE. For verbs that try again.
 */
int cli_admin_try(struct cli_admin *admin, const char *target, json_t **ret_json, char **ret_why);

/*
 * Opens /v1/events. CLI_DONE: *ret_events is there; else ret_why (malloc'd), and admin->error is 0
 * when the proxy answered but refused.
 */
struct tn_client_events;
int cli_admin_follow(struct cli_admin *admin, const char *last_id,
                     struct tn_client_events **ret_events, char **ret_why);

/* Where the last answer came from: "./turnout.sock". */
const char *cli_admin_place(const struct cli_admin *admin);

#endif
