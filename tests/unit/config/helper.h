/*
 * helper: texts to configs and rules in one line, for tests of proxy/config.
 *
 * Everything that is wrong fails the test. Ownership: the caller frees what he gets.
 */
#ifndef TESTS_UNIT_CONFIG_HELPER_H
#define TESTS_UNIT_CONFIG_HELPER_H

#include "proxy/config/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* blue, green and red with two endpoints each, and one rule. */
extern const char helper_base[];

/* Must parse without any message; relative paths start at "etc". */
struct px_config *helper_parse(const char *text);

/* What px_messages_format says about a text that is wrong. */
char *helper_parse_wrong(const char *text);

struct px_rule **helper_rules(const struct px_config *config, const char *text,
                              uint32_t *ret_count);

/* The only rule of a list. */
struct px_rule *helper_rule(const struct px_config *config, const char *text);

/* px_rule_to_json's text, malloc'd. */
char *helper_rule_text(const struct px_rule *rule);

#endif
