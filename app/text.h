/*
 * text: puts together short texts (answers, messages) in a buffer of the caller.
 *
 * Not for bodies of unknown length (body.h streams those).
 * Shape: always terminated; what does not fit is left out and `cut` becomes true.
 * Errors: none but `cut`. Ownership: the buffer is the caller's. Threads: whoever owns the buffer.
 */
#ifndef APP_TEXT_H
#define APP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app_text {
    char *data;
    size_t size;
    size_t len; /* without the terminator */
    bool cut;
};

/* size is at least 1. */
void app_text_init(struct app_text *text, char *buffer, size_t size);

void app_text_add(struct app_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As text within an HTML element or a quoted attribute. */
void app_text_add_html(struct app_text *text, const char *string);

/* As a JSON string with its quotes; also right as the value of a Prometheus label. */
void app_text_add_json(struct app_text *text, const char *string);

/* A whole decimal number without sign or blanks, at most `max`. Returns 0 or -EINVAL. */
int app_text_parse_u64(const char *string, uint64_t max, uint64_t *ret_value);

#endif
