/*
 * text: sentences put together in a buffer with a bound, from words and numbers.
 *
 * Not for formats: there is no printf in strategies/. Shapes: what does not fit is counted, not
 * written; the buffer always ends with 0 if it has room for it. Units: times are shown as 10s, 5m,
 * 2h, 14d; shares in percent. Errors: none. Ownership: the buffer is the caller's. Threads: any.
 */
#ifndef STRATEGY_UPDATES_TEXT_H
#define STRATEGY_UPDATES_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct strategy_text {
    char *bytes;
    size_t size;
    size_t len; /* that it needs, without the final 0 */
};

/* Words; NULL is "". */
void strategy_say(struct strategy_text *text, const char *words);
void strategy_say_number(struct strategy_text *text, uint64_t number);
/* "1 instance", "3 instances" */
void strategy_say_count(struct strategy_text *text, uint64_t number, const char *noun);
void strategy_say_ms(struct strategy_text *text, uint64_t ms);
/* "5 %", "0.1 %" */
void strategy_say_ppm(struct strategy_text *text, uint32_t ppm);

#endif
