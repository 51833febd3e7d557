/*
 * watch: `get -w`: what is in force, followed as it changes.
 *
 * Not for a single look (get.c).
 * Shapes: follows /v1/events; where that is refused (too many readers, an older proxy) it asks
 * again and again instead, and says so. On a terminal a page is drawn over the one before;
 * elsewhere each change is a line, and each interval one for each version; JSON and YAML are whole
 * documents. A proxy that restarts or is taken over is waited for. Units: ms. Errors: exit codes; a
 * signal ends the process as that signal. Ownership: cli_documents_drop(). Threads: one.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/admin.h"

enum cli_format { CLI_TABLE, CLI_JSON, CLI_YAML };

/* As the admin interface answered; NULL: not yet. */
struct cli_documents {
    json_t *status, *share, *rules;
};

/* All three, of one revision if the rules hold still for a moment. */
int cli_documents_read(struct cli_admin *admin, struct cli_documents *documents, char **ret_why);
bool cli_documents_agree(const struct cli_documents *documents);
void cli_documents_drop(struct cli_documents *documents);

/* To the context's out, in JSON or YAML; is_watched: one document after the other. */
void cli_documents_print(const struct cli_context *context, enum cli_format format,
                         const struct cli_documents *documents, bool is_watched);

#define CLI_WATCH_LEAST_MS 250

/* documents: what is known at the start; taken over. interval_ms 0: the usual one. */
int cli_watch(struct cli_admin *admin, enum cli_format format, uint64_t interval_ms,
              struct cli_documents *documents);

#endif
