/*
 * change: what every verb that changes rules has in common: options, sending, the answer shown.
 *
 * Not for what is changed (set.c, route.c). Shapes: the body is an object that gets "rule",
 * "reason", "author" and "dry_run" from the options. Errors: exit codes, messages printed.
 * Ownership: cli_change_send takes the body over. Threads: one.
 */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "cli/admin.h"

struct cli_change {
    struct cli_admin admin;
    const char *rule, *reason, *author, *if_revision;
    const char *ttl;
    uint64_t ttl_ms; /* 0: none */
    bool dry_run, take_over;
};

/* --rule, --reason, --author, --if-revision, --dry-run, --ttl, as far as the syntax has them. */
struct cli_option_group cli_change_group(struct cli_change *change,
                                         const struct cli_syntax *syntax);

/*
 * Groups of a change into parse, after the verb's own if any (own.count 0: none), then the line.
 * False: parse->exit_code says how to end.
 */
bool cli_change_parse(struct cli_parse *parse, struct cli_change *change,
                      struct cli_option_group own, int argc, char **argv);

/* Sends, and prints revision and the before/after table. The exit code of the process. */
int cli_change_send(const struct cli_parse *parse, struct cli_change *change, const char *method,
                    const char *target, json_t *body);

/* The same with a text instead of an object; file: what messages with lines are about. */
int cli_change_send_text(const struct cli_parse *parse, struct cli_change *change,
                         const char *target, const char *content_type, struct tn_str text,
                         const char *file);

/* The answer of a change, as every changing verb shows it. `out` also gets the notes. */
void cli_print_change(const struct cli_context *context, const json_t *answer);

/* Settings and kept rules of a reload's dry run (ReloadPreview); NULL: nothing. */
void cli_print_reload(const struct cli_context *context, const json_t *reload);

#endif
