#include "proxy/config/rule.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct px_rule *px_rule_ref(struct px_rule *rule)
{
    rule->references++;
    return rule;
}

static void deinit_values(struct px_match_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(values[i].name);
        free(values[i].text);
        pcre2_code_free(values[i].regex);
    }
    free(values);
}

static void deinit_match(struct px_match *match)
{
    deinit_values(match->host, match->host != NULL);
    deinit_values(match->path, match->path != NULL);
    deinit_values(match->method, match->method != NULL);
    deinit_values(match->headers, match->header_count);
    deinit_values(match->cookies, match->cookie_count);
    deinit_values(match->query, match->query_count);
}

static void deinit_mirror(struct px_mirror *mirror)
{
    for (uint32_t i = 0; i < mirror->drop_header_count; i++) {
        free(mirror->drop_headers[i]);
    }
    free(mirror->drop_headers);
    px_compare_free(mirror->compare);
    px_mirror_baseline_deinit(&mirror->baseline);
    free(mirror->to);
}

void px_rule_free(struct px_rule *rule)
{
    if (!rule || --rule->references > 0) {
        return;
    }
    for (uint32_t i = 0; i < rule->match_count; i++) {
        deinit_match(&rule->matches[i]);
    }
    for (uint32_t i = 0; i < rule->weight_count; i++) {
        free(rule->weights[i].version);
    }
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        deinit_mirror(&rule->mirrors[i]);
    }
    for (uint32_t i = 0; i < rule->goal_count; i++) {
        free(rule->goals[i].name);
        deinit_match(&rule->goals[i].match);
    }
    free(rule->matches);
    free(rule->weights);
    free(rule->stable);
    free(rule->sticky.name);
    free(rule->sticky.seed);
    free(rule->sticky.key_file);
    free(rule->sticky.key_file_written);
    free(rule->name);
    free(rule);
}
