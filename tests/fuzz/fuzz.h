/*
 * fuzz: the one function that libFuzzer calls, and replay.c where there is no libFuzzer.
 *
 * Not for anything else: a target decides what to do with the bytes. Returns 0. Errors: abort.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number that follows from the bytes: where a target wants to vary something and yet take its
 * input as it is, so that a corpus file is a plain message. FNV-1a. */
static inline uint32_t fuzz_number_of(const uint8_t *data, size_t size)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619u;
    return hash;
}

#endif
