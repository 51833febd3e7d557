/*
 * http_strict: RFC 9112's grammar for heads in normal form, written a second time, for tests.
 *
 * Not llhttp and nothing of lib/http: a fault that both share would hide itself. It accepts only
 * what this proxy may send (one Host, Content-Length xor chunked, canonical digits, no field of one
 * hop), so it is no judge of what others send.
 * Shape: exactly one head, from its first byte to the empty line. Errors: NULL when all is well,
 * else a text that says what is wrong. Ownership: texts are literals. Threads: any.
 */
#ifndef TEST_SUPPORT_HTTP_STRICT_H
#define TEST_SUPPORT_HTTP_STRICT_H

#include <stdbool.h>
#include <stddef.h>

const char *strict_request_head(const char *bytes, size_t len);

/* chunked, close: what the writer said about it, which the head has to agree with. */
const char *strict_response_head(const char *bytes, size_t len, bool chunked, bool close);

/*
 * A chunked body from its first byte: writes the data to body (as large as len), says how many
 * bytes the framing took in all. What extensions say is not looked at. NULL or what is wrong.
 */
const char *strict_chunked(const char *bytes, size_t len, char *body, size_t *ret_body_len,
                           size_t *ret_used);

#endif
