/*
 * journal: an append-only file of checksummed lines that survives any crash.
 *
 * Not for knowing what the records mean: they are views of bytes without line ends.
 * Shape: each line is sixteen hex digits (XXH3-64 of the record), a space, the record, "\n". The
 * lock is a file of its own, PATH.lock, that is never removed: a second process is refused while
 * the first lives. A last line without its end is what a crash in the middle of an append leaves:
 * nobody was told that it is there, so opening cuts it off. Everything else that is wrong refuses
 * to open, and the file is left as it was.
 * Units: bytes. Errors: 0 or negative errno, and ret_why (malloc'd, the caller's) says which file,
 * line and why; -EAGAIN: in use by another process; -EBADMSG: a line is damaged; -EFBIG; what
 * on_record returned. A failed append or compaction leaves the file as it was.
 * Ownership: tn_journal_close(). Callbacks: on_record, in order, from inside tn_journal_open().
 * Threads: one call at a time, on any thread (append and compact wait for the disk: not on a loop).
 */
#ifndef TN_JOURNAL_JOURNAL_H
#define TN_JOURNAL_JOURNAL_H

#include "lib/base/str.h"

#include <stdint.h>

#define TN_JOURNAL_FILE_MAX (64u * 1024 * 1024)
#define TN_JOURNAL_RECORD_MAX (8u * 1024 * 1024)
#define TN_JOURNAL_OVERHEAD 18u /* of a line beyond its record: checksum, space, "\n" */

struct tn_journal;

/* A record that passed its checksum; line counts from 1. Not 0 refuses the file: ret_why (malloc'd,
 * or NULL) says what is wrong with it. The view ends with the call. */
typedef int(tn_journal_record_fn)(void *context, unsigned line, struct tn_str record,
                                  char **ret_why);

/* Makes the file (0600) if there is none. ret_cut_bytes: length of a cut last line that was
 * removed, 0 in most cases. */
int tn_journal_open(const char *path, tn_journal_record_fn *on_record, void *context,
                    size_t *ret_cut_bytes, char **ret_why, struct tn_journal **ret_journal);

/*
 * The same with a lock that another process, which has the file open, passed on: lock_fd, a
 * duplicate of its descriptor, taken over in any case. As long as either has it, nobody else gets
 * the lock. A lock of another file, or -1, is as none. Only one of both may write.
 */
struct tn_journal_options {
    const char *path;
    tn_journal_record_fn *on_record;
    void *context;
    int lock_fd;
};
int tn_journal_open_with(const struct tn_journal_options *options, size_t *ret_cut_bytes,
                         char **ret_why, struct tn_journal **ret_journal);

/* To be passed on; still the journal's. */
int tn_journal_lock_descriptor(const struct tn_journal *journal);

/* The lock was another process's: from here on messages name this one. */
void tn_journal_claim(struct tn_journal *journal);

/*
 * One record more; durable when it returns 0. The record must be without "\n" and not empty
 * (-EINVAL). After a failure that could not be undone, every call first tries to undo it.
 */
int tn_journal_append(struct tn_journal *journal, struct tn_str record, char **ret_why);

/*
 * The file without what lies before this byte, the begin of a line; all bytes after it keep their
 * order. By temporary file, fsync, rename and fsync of the folder: whoever looks finds the old file
 * or the new one. What is kept is checked on its way: -EBADMSG, and nothing was replaced.
 */
int tn_journal_compact(struct tn_journal *journal, uint64_t from, char **ret_why);

uint64_t tn_journal_size(const struct tn_journal *journal);

/* NULL is fine. */
void tn_journal_close(struct tn_journal *journal);

#endif
