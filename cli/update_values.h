/*
 * update_values: what `update STRATEGY` takes on its line, and the body that it becomes.
 *
 * Shapes: texts are views of the line; NULL: not said. Errors: a message (malloc'd), or NULL when
 * all is well. Ownership: the body is the caller's. Threads: one.
 */
#ifndef CLI_UPDATE_VALUES_H
#define CLI_UPDATE_VALUES_H

#include "cli/update.h"

struct cli_update_values {
    struct cli_engine_admin admin;
    const char *to, *reason, *author;
    bool dry_run, wait;
    const char *progress, *drain, *min_ready, *timeout;
    const char *surge, *unavailable;
    bool across;
    bool separate_disks, shadow_data, reset_disks;
    const char *keep;
    const char *for_time, *requests, *decide_within, *on_undecided, *error_rate, *p99, *least;
    bool verdict;
    const char *steps, *test, *by, *split, *metric, *percent;
    bool per_request, approve;
    struct cli_list headers, cookies;
};

/* Everything that was said into the body of POST /v1/updates; the first thing that is wrong. */
char *cli_update_body(json_t *body, const struct cli_update_values *values);

#endif
