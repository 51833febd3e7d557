/*
 * store: what the engine remembers over its own death: a few named JSON values in a journal.
 *
 * Not for what an instance's disk holds. Shapes: each record of the journal is the whole, {"name":
 * value ...}; compacted when it grows. Durable when en_store_put() returns 0; then and only then
 * the value is the new one. Units: bytes. Errors: negative errno and a sentence, as journal.h.
 * Ownership: values are the store's (borrowed until the next put of that name). Threads: any one
 * at a time.
 */
#ifndef EN_STORE_H
#define EN_STORE_H

#include <jansson.h>
#include <stdint.h>

#define EN_STORE_COMPACT_BYTES (4u * 1024 * 1024)

struct en_store;

int en_store_open(const char *path, char **ret_why, struct en_store **ret_store);

/* Borrowed; NULL: never put. */
json_t *en_store_get(const struct en_store *store, const char *name);

/* Takes the value over, also when it fails; NULL is -ENOMEM. */
int en_store_put(struct en_store *store, const char *name, json_t *value, char **ret_why);

/* Bytes that an append cut short by a crash had left. */
uint64_t en_store_cut_bytes(const struct en_store *store);

void en_store_close(struct en_store *store);

#endif
