/*
 * rule_text: parts of a rule, as JSON of the admin interface, in short text.
 *
 * Not for JSON that somebody typed: what is missing or of another type counts as absent. Shapes:
 * texts are malloc'd; NULL stands for "has none". Threads: any.
 */
#ifndef CLI_RULE_TEXT_H
#define CLI_RULE_TEXT_H

#include <jansson.h>

/* "90%"; NULL when the version has no weight in this rule (or rule is NULL). */
char *cli_rule_share(const json_t *rule, const char *version);

/* "25%"; NULL when the rule does not mirror to this version. */
char *cli_rule_mirror(const json_t *rule, const char *to);

/* "X-Version=green, or cookie beta=1"; NULL: matches everything. */
char *cli_rule_match(const json_t *rule);

/* "by cookie", "by header:X-User, seed spring"; NULL: not sticky. */
char *cli_rule_sticky(const json_t *rule);

/* Of a list of rules, or NULL. */
const json_t *cli_find_rule(const json_t *rules, const char *name);

#endif
