/*
 * mix: the one hash of this room, its inverse, and numbers made of hashes.
 *
 * Not for hashing text (route hashes names and keys with XXH3 before they come here).
 * Shapes: 64-bit numbers. Errors: none. Pure. Threads: any. Source: splitmix64 (Steele, Lea, Flood
 * 2014), whose finalizer is a bijection: different keys never fall together.
 */
#ifndef STRATEGY_TRAFFIC_MIX_H
#define STRATEGY_TRAFFIC_MIX_H

#include <stdint.h>

static inline uint64_t strategy_mix64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* strategy_mix64(strategy_unmix64(x)) == x. */
static inline uint64_t strategy_unmix64(uint64_t x)
{
    x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642b2d24d8ec3u;
    x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96de1b173f119089u;
    x = x ^ (x >> 30) ^ (x >> 60);
    return x - 0x9e3779b97f4a7c15u;
}

/* A number below range (at most 2^24) from a hash, as even as 40 bits can be. */
static inline uint32_t strategy_scale(uint64_t hash, uint32_t range)
{
    return (uint32_t)(((hash >> 24) * range) >> 40);
}

#endif
