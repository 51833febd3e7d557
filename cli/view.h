/*
 * view: the screen of `get`: shares asked for and got, mirrors, rules, what is down.
 *
 * Not for asking (get.c). Shapes: the three documents of the admin interface; what is missing in
 * them is left out of the screen. Errors: none. Threads: any.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include "cli/cli.h"

#include <jansson.h>

struct cli_view {
    const json_t *status; /* GET /v1/status */
    const json_t *share;  /* GET /v1/share */
    const json_t *rules;  /* GET /v1/rules */
    const char *place;    /* where they came from */
    bool is_live;         /* what is new each second is shown, rules are not */
    size_t columns;       /* of the terminal; 0: no limit */
};

void cli_print_view(const struct cli_context *context, const struct cli_view *view);

/* "blue (build 1)", malloc'd; from the list of versions in a status. */
char *cli_version_title(const json_t *status, const char *name);

/* How many endpoints of a version are up, and how many there are; false: no such version. */
bool cli_version_health(const json_t *status, const char *name, unsigned *ret_up,
                        unsigned *ret_all);

/* "29 min" until a change of this rule goes back by itself (buffer: CLI_TEXT_SIZE); false: none
 * does.
 */
bool cli_view_reverts(const struct tn_clock *clock, const json_t *status, const char *rule,
                      char *buffer);

/* One line for each endpoint that is not up, or not active, of this version. */
void cli_print_down(const json_t *status, const char *name, FILE *out);

/* One line for each version that got mirrored requests: what its disks hold is not only its own. */
void cli_print_shadowed(const struct cli_context *context, const json_t *status);

#endif
