/*
 * watch_parts: what the files behind watch.h share.
 *
 * Private to watch.c, watch_story.c, watch_lines.c. Threads: one.
 */
#ifndef CLI_WATCH_PARTS_H
#define CLI_WATCH_PARTS_H

#include "cli/watch.h"
#include "lib/client/events.h"

#define CLI_STORY_MAX 6

/* What happened lately, in words. */
struct cli_story {
    char *lines[CLI_STORY_MAX]; /* oldest first, malloc'd, printable */
    size_t count;
    uint64_t told; /* how many there have ever been */
};

/* What is known of the proxy, and what became known last. */
struct cli_watched {
    const struct cli_context *context;
    struct cli_documents documents;
    struct cli_story story;
    bool prints_story; /* each line at once, to context->out */
    char last_id[TN_CLIENT_SSE_ID_SIZE];
    char *bye; /* why the stream ends, as it said itself, or NULL */
    json_int_t pid;
};

/* --- watch_story.c ------------------------------------------------------------------------------
 */

/* One event, into documents or story. Always 0. */
int cli_watch_take(struct cli_watched *watched, const struct tn_client_event *event);

/* A line of our own. Takes text over. */
void cli_watch_tell(struct cli_watched *watched, char *text);

void cli_watched_deinit(struct cli_watched *watched);

/* --- watch_lines.c ------------------------------------------------------------------------------
 */

/* A line for each version of each rule, and each mirror. */
void cli_watch_print_lines(const struct cli_watched *watched);

/* "2026-11-03T07:12:33Z" of now, or "07:12:33" where people look; buffer: CLI_TEXT_SIZE. */
char *cli_watch_time(const struct cli_context *context, bool is_short, char *buffer);

#endif
