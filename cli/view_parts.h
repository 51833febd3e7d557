/*
 * view_parts: the tables of view.
 *
 * Private to view.c. Shapes: as view.h; a table without rows prints nothing. Threads: any.
 */
#ifndef CLI_VIEW_PARTS_H
#define CLI_VIEW_PARTS_H

#include "cli/view.h"

void cli_print_shares(const struct cli_context *context, const struct cli_view *view);
/* Error shares, verdicts, goals, and a warning about a wrong split (view_findings.c). */
void cli_print_findings(const struct cli_context *context, const struct cli_view *view);
/* The warning alone; rules: of a share document. */
void cli_print_splits(const struct cli_context *context, const json_t *rules);
void cli_print_mirrors(const struct cli_context *context, const struct cli_view *view);
void cli_print_rules(const struct cli_context *context, const struct cli_view *view);

/* "12 min" since an RFC 3339 time; false when there is none. buffer: CLI_TEXT_SIZE. */
bool cli_age_of(const struct tn_clock *clock, const char *time, char *buffer);

#endif
