/*
 * private: what the two halves of the journal share: the struct, reading (read.c), files (files.c).
 *
 * Not for users of the room: journal.h. Errors, ownership and threads: as there.
 */
#ifndef TN_JOURNAL_PRIVATE_H
#define TN_JOURNAL_PRIVATE_H

#include "lib/journal/journal.h"

#define TN_JOURNAL_HEX 16

struct tn_journal {
    char *path;
    int fd;
    int lock_fd;
    uint64_t size;       /* end of the last good line */
    bool is_torn;        /* bytes of a failed append may lie behind size */
    bool is_name_unsure; /* the folder could not be synced after a rename */
};

/* *ret_why gets the text unless ret_why is NULL; returns error, so that callers can say both at
 * once. */
int tn_journal_fail(char **ret_why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The sixteen digits of a record's checksum, without a terminator. */
void tn_journal_checksum(struct tn_str record, char *buffer);

/* Hands every line of text to on_record. ret_good: bytes up to the end of the last whole line. */
int tn_journal_read_lines(const char *path, struct tn_str text, tn_journal_record_fn *on_record,
                          void *context, size_t *ret_good, char **ret_why);

/* --- files.c: system calls with their own retries; negative errno ------------------------------
 */

int tn_journal_lock(const char *path, int *ret_fd, char **ret_why);
/* The process's number into the lock's file. */
void tn_journal_sign_lock(int fd);
/* False for -1, for a lock that is another one's, or whose file was replaced. */
bool tn_journal_is_lock_of(int fd, const char *path);
int tn_journal_read_file(const char *path, int fd, char **ret_bytes, size_t *ret_len,
                         char **ret_why);
/* All of the file from this byte up to size. *ret_bytes: malloc'd. */
int tn_journal_read_tail(int fd, uint64_t from, uint64_t size, char **ret_bytes);
int tn_journal_write_all(int fd, uint64_t offset, const char *bytes, size_t len);
int tn_journal_write_line(int fd, uint64_t offset, struct tn_str record);
int tn_journal_sync_folder(const char *path);

#endif
