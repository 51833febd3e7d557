/*
 * store: the journal of rules revisions: what a record says, and writing it off the loop.
 *
 * Not for the file's format (lib/journal) and not for deciding what the rules are (rulebook.h).
 * Shape of a record: {"format": 1, "revision": 7, "previous"?: 6, "at": "RFC3339", "what":
 * "weights", "peer": {…} (peer.h), "author"?, "reason"?, "rules": [RULE …], "file": {"main": "16
 * hex digits" …}}. "file" names the rules of the configuration file by the hash that each had when
 * it was last applied, in their order there. The last record wins. A file beyond 1 MiB is rewritten
 * to the revisions that the history keeps (history.h), once it is twice as long as they are. Units:
 * bytes. Errors: 0 or negative errno with a text (malloc'd) that says why. Ownership:
 * px_store_close(), not while a record is being written. Callbacks: on_done once per
 * px_store_append(), from the loop. Threads: control; the writing itself is on a pool thread.
 */
#ifndef PX_ADMIN_STORE_H
#define PX_ADMIN_STORE_H

#include "lib/net/control.h"
#include "proxy/admin/history.h"

#include <jansson.h>
#include <stdint.h>

#define PX_STORE_FORMAT 1
#define PX_STORE_COMPACT_BYTES (1024 * 1024)

struct px_store;

/*
 * ret_last: the last record (new reference), or NULL when there is none. history gets all of them;
 * NULL: nobody asks. Damage, another writer or a record of another format refuse.
 */
int px_store_open(const char *path, struct px_history *history, char **ret_why, json_t **ret_last,
                  struct px_store **ret_store);

/* With a lock that another process passed on: tn_journal_open_with(). */
int px_store_open_locked(const char *path, int lock_fd, struct px_history *history, char **ret_why,
                         json_t **ret_last, struct px_store **ret_store);
int px_store_lock_descriptor(const struct px_store *store);
void px_store_claim(struct px_store *store);

/* Waits for the disk: only before the loop runs. */
int px_store_append_now(struct px_store *store, const json_t *record, char **ret_why);

/* why: NULL, or the text for a person; the callee's until it returns. One at a time. */
typedef void(px_store_done_fn)(void *context, int error, const char *why);

/* -ENOMEM, and on_done never runs. */
int px_store_append(struct px_store *store, struct tn_loop *loop, const json_t *record,
                    px_store_done_fn *on_done, void *context);

/* NULL is fine. */
void px_store_close(struct px_store *store);

#endif
