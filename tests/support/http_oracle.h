/*
 * http_oracle: what must hold for every input, whatever the parser thinks of it.
 *
 * For property tests and fuzz targets. Held: the outcome does not depend on how the bytes were cut;
 * a body is what a second decoder makes of the same bytes; what is written for an accepted head is
 * in normal form under a second grammar (http_strict.h), and read again it says the same.
 * Errors: abort with a text. Threads: one at a time.
 */
#ifndef TEST_SUPPORT_HTTP_ORACLE_H
#define TEST_SUPPORT_HTTP_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* Bits of `flags`: all settings of forward.h that a deployment can have. */
#define ORACLE_TRUSTED 1u
#define ORACLE_UPGRADE 2u
#define ORACLE_MIRROR 4u
#define ORACLE_CLOSE 8u
#define ORACLE_CLIENT_1_0 16u
#define ORACLE_PRIVATE 32u
#define ORACLE_HEAD_REQUEST 64u
#define ORACLE_RESPONSE 128u

/* Limits of chunk framing so low that inputs short enough to be fed byte by byte reach them. */
#define ORACLE_TIGHT 256u

/* cut: where to cut in two; taken modulo the length. Returns whether there was a head. */
bool http_oracle(const char *bytes, size_t len, unsigned flags, size_t cut);

#endif
