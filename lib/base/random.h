/*
 * random: bytes nobody can guess and bytes a test can repeat, behind one shape.
 *
 * Not for keys of long life (libsodium makes those).
 * Errors: the system source cannot fail once it was opened; it aborts at open. Threads: one
 * instance per thread.
 */
#ifndef TN_BASE_RANDOM_H
#define TN_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct tn_random {
    void (*fill)(struct tn_random *random, void *bytes, size_t len);
    uint64_t state[4];
    unsigned char pool[256];
    size_t pool_used;
};

/* Bytes of getrandom(2), fetched 256 at a time. */
void tn_random_init_system(struct tn_random *random);

/* xoshiro256** (Blackman, Vigna 2018) from a seed: for tests and for simulations. */
void tn_random_init_seeded(struct tn_random *random, uint64_t seed);

uint64_t tn_random_u64(struct tn_random *random);

#endif
