/*
 * pair: two answers that a test writes down, and what the core makes of them.
 *
 * Shapes: the configuration is the YAML of `compare:` in flow form; an answer is a status, a body
 * and headers by place. Errors fail the test. Ownership: pair_open … pair_close.
 */
#ifndef TEST_COMPARE_PAIR_H
#define TEST_COMPARE_PAIR_H

#include "proxy/compare/compare.h"
#include "proxy/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct pair {
    struct px_config *config;
    struct px_rule **rules;
    uint32_t rule_count;
    const struct px_compare *compare;
    struct px_compare_tools tools;
    struct px_compare_budget budget;
    struct tn_str headers[2][PX_COMPARE_HEADERS_MAX];
    struct px_compare_answer answers[2]; /* primary, shadow */
    struct px_compare_outcome out;
};

void pair_open(struct pair *pair, const char *compare);
void pair_close(struct pair *pair);

/* Sets body, length and hash. */
void pair_body(struct pair *pair, int which, const char *body, size_t len);

/* Compares; the result. */
enum px_compare_result pair_compare(struct pair *pair);

/* Both bodies as text, under one configuration: the differences as "kind path" joined by ", ", or
 * the word of a result without any. The text is valid until the next call. */
const char *pair_said(const char *compare, const char *primary, const char *shadow);

#define assert_said(compare, primary, shadow, expected)                                            \
    assert_string_equal(pair_said(compare, primary, shadow), expected)

#endif
