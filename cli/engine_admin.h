/*
 * engine_admin: how a verb talks to the update engine.
 *
 * Not for what an answer means (update_view.h). Shapes: --engine ADDR, else $TURNOUT_ENGINE, else
 * ./engine.sock. Errors: exit codes of cli.h; the message is printed. Ownership: the caller's
 * json_t; a body is taken over. Threads: one.
 */
#ifndef CLI_ENGINE_ADMIN_H
#define CLI_ENGINE_ADMIN_H

#include "cli/args.h"
#include "lib/client/client.h"

#include <jansson.h>

#define CLI_ENGINE_ENVIRONMENT "TURNOUT_ENGINE"

struct cli_engine_admin {
    const char *address; /* --engine, or NULL */

    struct cli_context *context;
    const char *command;
    struct tn_client client;
};

struct cli_option_group cli_engine_group(struct cli_engine_admin *admin);

void cli_engine_start(struct cli_engine_admin *admin, const struct cli_parse *parse);

/* ret_why (malloc'd) gets the message when the code is not CLI_DONE. */
int cli_engine_try(struct cli_engine_admin *admin, const char *method, const char *target,
                   json_t *body, json_t **ret_json, char **ret_why);

/* The same with the message printed. */
int cli_engine_call(struct cli_engine_admin *admin, const char *method, const char *target,
                    json_t *body, json_t **ret_json);

#endif
