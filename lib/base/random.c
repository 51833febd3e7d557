#include "lib/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void refill_from_kernel(struct tn_random *random)
{
    size_t have = 0;

    while (have < sizeof(random->pool)) {
        ssize_t got = getrandom(random->pool + have, sizeof(random->pool) - have, 0);

        if (got < 0 && errno != EINTR)
            abort(); /* a kernel without getrandom: nothing that we sign could be trusted */
        if (got > 0)
            have += (size_t)got;
    }
    random->pool_used = 0;
}

static void fill_system(struct tn_random *random, void *bytes, size_t len)
{
    unsigned char *out = bytes;

    while (len > 0) {
        size_t take;

        if (random->pool_used == sizeof(random->pool))
            refill_from_kernel(random);
        take = sizeof(random->pool) - random->pool_used;
        if (take > len)
            take = len;
        memcpy(out, random->pool + random->pool_used, take);
        random->pool_used += take;
        out += take;
        len -= take;
    }
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t next_seeded(struct tn_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

static void fill_seeded(struct tn_random *random, void *bytes, size_t len)
{
    unsigned char *out = bytes;

    while (len > 0) {
        uint64_t word = next_seeded(random);
        size_t take = len < sizeof(word) ? len : sizeof(word);

        memcpy(out, &word, take);
        out += take;
        len -= take;
    }
}

void tn_random_init_system(struct tn_random *random)
{
    memset(random, 0, sizeof(*random));
    random->fill = fill_system;
    refill_from_kernel(random);
}

void tn_random_init_seeded(struct tn_random *random, uint64_t seed)
{
    memset(random, 0, sizeof(*random));
    random->fill = fill_seeded;
    for (int i = 0; i < 4; i++) {
        /* splitmix64, as the authors of xoshiro advise for seeding */
        uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        random->state[i] = z ^ (z >> 31);
    }
}

uint64_t tn_random_u64(struct tn_random *random)
{
    uint64_t word;

    random->fill(random, &word, sizeof(word));
    return word;
}
