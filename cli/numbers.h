/*
 * numbers: what people write on a command line: percents, weights, durations, revisions.
 *
 * No verb has two meanings of a number: where a share is meant '%' must be written, where a weight
 * is meant it must not. Shapes: "10%", "0.1%", "10 %" to ppm exactly (four decimals at most);
 * "blue=999,green=1" in one word or several. Errors: a message (malloc'd, for cli_usage_error) that
 * says how to write it, or NULL when all is well. Threads: any.
 */
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include "cli/args.h"

#include <jansson.h>
#include <stdint.h>

/* name: the option, for messages: "--share". */
char *cli_parse_percent(const char *name, const char *text, uint32_t *ret_ppm);

/* The same where the option's own name says percent, so that 25 and 25% are one thing. */
char *cli_parse_percent_number(const char *name, const char *text, uint32_t *ret_ppm);

/* name: the option, for messages: "--if-revision". */
char *cli_parse_revision(const char *name, const char *text, uint64_t *ret_revision);

/* "500ms", "60s", "5m", "1h"; a number without a unit is refused. */
char *cli_parse_duration(const char *name, const char *text, uint64_t *ret_ms);

/* NAME=VALUE pairs; value is an integer. ret_pairs: a new object {"blue": 999, "green": 1}. */
char *cli_parse_weights(const struct cli_list *words, json_t **ret_pairs);
char *cli_parse_shares(const struct cli_list *words, json_t **ret_pairs);

/* Weights again, in the words of a split between drawn groups. */
char *cli_parse_split(const char *text, json_t **ret_pairs);

/* "green=25%" or "green=off" (0 ppm). ret_to is malloc'd. */
char *cli_parse_mirror(const struct cli_list *words, char **ret_to, uint32_t *ret_ppm);

/*
 * A header or cookie: "X-User: 7" or "X-User=7" as {"name": "X-User", "value": "7"}. separators:
 * "=:" or "=", whichever comes first counts. option: for the message.
 */
char *cli_parse_field(const char *option, const char *separators, const char *text,
                      json_t **ret_field);

#endif
