/*
 * base64url: RFC 4648 section 5 without padding, for lengths that are known beforehand.
 *
 * Not for secrets: it looks bytes up in a table, and time may tell which.
 * Shapes: n bytes are (4n + 2) / 3 characters, rounded down. Canonical: spare bits must be 0, so
 * that one value has one spelling. Threads: any.
 */
#ifndef PX_ROUTE_BASE64URL_H
#define PX_ROUTE_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the number of characters written; not terminated. */
size_t px_base64url_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* Reads the characters of len bytes. False: one is not of the alphabet, or not canonical. */
bool px_base64url_decode(const char *text, uint8_t *ret_bytes, size_t len);

#endif
