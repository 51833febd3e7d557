/*
 * fake_disk: a disk that fails on order, in front of a real folder that is removed afterwards.
 *
 * Shape: the calls of app_file_ops are numbered from 1 over all of them; those from fail_from on,
 * fail_count of them, fail with fail_error. A pwrite that fails so writes short_len bytes first.
 * Errors: a folder that cannot be made fails the test. Ownership: open and close in pairs.
 * Threads: one at a time, but for the gate, which stops fdatasync until it is opened.
 */
#ifndef APP_FAKE_DISK_H
#define APP_FAKE_DISK_H

#include "app/files.h"
#include "tests/unit/app/test.h"

#include <pthread.h>

#define FAKE_DISK_FOREVER 1000000

struct fake_disk {
    char path[64]; /* an empty folder */
    unsigned calls;
    unsigned syncs;     /* fdatasync only */
    unsigned fail_from; /* 0: never */
    unsigned fail_count;
    int fail_error;
    size_t short_len;
    bool is_gated;
    unsigned waiting; /* fdatasync calls at the gate */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* There is one at a time: the ops have no context. */
extern struct fake_disk fake_disk;
extern const struct app_file_ops fake_disk_ops;

/* For cmocka's setup and teardown. */
int fake_disk_open(void **state);
int fake_disk_close(void **state);

/* Nothing fails any more and the count starts anew. */
void fake_disk_heal(void);

void fake_disk_fail(unsigned from, unsigned count, int error, size_t short_len);

void fake_disk_write(const char *name, const void *bytes, size_t len);

/* Returns the length, or -1 if there is no such file. */
long fake_disk_read(const char *name, void *bytes, size_t size);

/* What visits.bin says, which must be 8 bytes. */
uint64_t fake_disk_visits(void);

/* Ends the len bytes of a line with their checksum and a newline; returns the new length. */
size_t fake_disk_checksum(char *line, size_t len);

/* A line of transfers.log as it must be, made without app/transfers.c. Returns its length. */
size_t fake_disk_line(char *line, const char *id, uint64_t amount, uint64_t before);

/* With is_gated set: waits until a sync stands at the gate; opens the gate for good. */
void fake_disk_wait_at_gate(void);
void fake_disk_open_gate(void);

#endif
