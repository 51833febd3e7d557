/*
 * history: the last revisions, each with all that was in force, for `history` and `undo`.
 *
 * Not for the file (store.h) and not for going back (edit_undo.c).
 * Shapes: an entry is the text of a record (store.h). A record says which revision was in force
 * before it ("previous"): entries between the two never were (their change gave way to an urgent
 * one after it may have been written), and go when it comes. Of several records of one revision the
 * first counts; the others are notes. Bounds: PX_HISTORY_MAX revisions and PX_HISTORY_BYTES of
 * text, the oldest go first; two always stay, so that there is something to go back to.
 * Errors: NULL: no memory. Ownership: px_history_deinit(); entries belong to the history once
 * added; JSON is a new reference. Threads: control.
 */
#ifndef PX_ADMIN_HISTORY_H
#define PX_ADMIN_HISTORY_H

#include "proxy/admin/ttl.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PX_HISTORY_MAX 128u
#define PX_HISTORY_BYTES (4u * 1024 * 1024)

/* A change that is to go back (ttl.h), as a later revision knows it. */
struct px_revision_ttl {
    uint64_t number;
    uint32_t part_count; /* that no later revision touched */
};

struct px_revision {
    uint64_t number;
    uint64_t previous; /* that was in force before it; 0: it does not say, or there was none */
    bool is_durable;
    uint32_t ttl_count; /* at most PX_TTL_MAX: those that are to go back */
    struct px_revision_ttl ttls[PX_TTL_MAX];
    uint32_t revert_count; /* those that went back with it */
    uint64_t reverts[PX_TTL_MAX];
    size_t len;
    char text[];
};

struct px_history {
    struct px_revision *entries[PX_HISTORY_MAX]; /* the oldest first */
    size_t count;
    size_t bytes;
};

struct px_revision *px_revision_new(const json_t *record, bool is_durable);

/* The record; NULL: no memory. */
json_t *px_revision_record(const struct px_revision *revision);

/* Takes the entry over; without memory to fail for. */
void px_history_add(struct px_history *history, struct px_revision *revision);

/* The revision reached the disk later than it was applied. */
void px_history_set_durable(struct px_history *history, uint64_t number);

/* NULL: it is not kept, or never was in force. */
const struct px_revision *px_history_find(const struct px_history *history, uint64_t number);

/* The one that was in force before this one, if it is kept. */
const struct px_revision *px_history_before(const struct px_history *history, uint64_t number);

/* 0: nothing is kept. */
uint64_t px_history_oldest(const struct px_history *history);

/* The last count revisions, the newest first, as openapi.yaml has them. */
json_t *px_history_json(const struct px_history *history, size_t count);

void px_history_deinit(struct px_history *history);

#endif
