/*
 * update: what the files of `turnout update` share.
 *
 * Shapes: bodies as the engine's POST /v1/updates takes them; status as its GET /v1/status gives
 * it. Errors: exit codes, messages printed. Ownership: as the names say. Threads: one.
 */
#ifndef CLI_UPDATE_H
#define CLI_UPDATE_H

#include "cli/engine_admin.h"

/* `update STRATEGY`, one function each, and `update plan STRATEGY`. */
extern const struct cli_subcommand cli_update_strategies[];
extern const size_t cli_update_strategy_count;
cli_verb_fn cli_update_plan;

/* `update status`, `pause` and so on (update_verbs.c). */
cli_verb_fn cli_update_status, cli_update_list, cli_update_pause, cli_update_resume,
    cli_update_promote, cli_update_abort, cli_update_retry, cli_update_undo;

/* update_view.c: the sentence first, then instances as boxes, share, next step. */
void cli_print_update(const struct cli_context *context, const json_t *status);

/*
 * Follows until the update is over or a person is needed, at most until deadline_ns (0: no end).
 * CLI_DONE: done; CLI_FAILED: back; CLI_TIMED_OUT.
 */
int cli_update_follow(struct cli_engine_admin *admin, bool is_live, uint64_t deadline_ns);

#endif
