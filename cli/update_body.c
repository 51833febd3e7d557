#include "cli/update_values.h"

#include "cli/numbers.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

static void put_text(json_t *body, const char *name, const char *text)
{
    if (text)
        json_object_set_new(body, name, cli_need(json_string(text)));
}

static void put_flag(json_t *body, const char *name, bool value)
{
    if (value)
        json_object_set_new(body, name, json_true());
}

static char *put_ms(json_t *body, const char *name, const char *option, const char *text)
{
    uint64_t ms = 0;
    char *why = text ? cli_parse_duration(option, text, &ms) : NULL;

    if (text && !why)
        json_object_set_new(body, name, cli_need(json_integer((json_int_t)ms)));
    return why;
}

static char *put_count(json_t *body, const char *name, const char *option, const char *text)
{
    unsigned long long count = 0;

    if (!text)
        return NULL;
    if (tn_str_parse_u64(tn_str_of(text), 1000000000000ULL, &count) < 0)
        return cli_format("%s: '%s' is no whole number", option, text);
    json_object_set_new(body, name, cli_need(json_integer((json_int_t)count)));
    return NULL;
}

static char *put_ppm(json_t *body, const char *name, const char *option, const char *text)
{
    uint32_t ppm = 0;
    char *why = text ? cli_parse_percent_number(option, text, &ppm) : NULL;

    if (text && !why)
        json_object_set_new(body, name, cli_need(json_integer(ppm)));
    return why;
}

/* A number stays one, 25% stays text: the engine knows both. */
static void put_amount(json_t *body, const char *name, const char *text)
{
    unsigned long long number;

    if (text && tn_str_parse_u64(tn_str_of(text), 1000, &number) == 0)
        json_object_set_new(body, name, cli_need(json_integer((json_int_t)number)));
    else
        put_text(body, name, text);
}

static char *put_shares(json_t *body, const char *text)
{
    json_t *shares = text ? cli_need(json_array()) : NULL;
    char *copy = text ? cli_need(strdup(text)) : NULL;
    char *rest = NULL;
    char *why = NULL;

    for (char *word = copy ? strtok_r(copy, ",", &rest) : NULL; word && !why;
         word = strtok_r(NULL, ",", &rest)) {
        uint32_t ppm = 0;

        why = cli_parse_percent_number("--steps", word, &ppm);
        json_array_append_new(shares, cli_need(json_integer(ppm)));
    }
    free(copy);
    if (why || !shares)
        json_decref(shares);
    else
        json_object_set_new(body, "shares", shares);
    return why;
}

static char *put_fields(json_t *body, const char *name, const char *option, const char *separators,
                        const struct cli_list *list)
{
    json_t *fields = list->count > 0 ? cli_need(json_array()) : NULL;
    char *why = NULL;

    for (size_t i = 0; i < list->count && !why; i++) {
        json_t *field = NULL;

        why = cli_parse_field(option, separators, list->items[i], &field);
        if (!why)
            json_array_append_new(fields, field);
    }
    if (why || !fields)
        json_decref(fields);
    else
        json_object_set_new(body, name, fields);
    return why;
}

static void put_plain(json_t *body, const struct cli_update_values *values)
{
    const char *user = getenv("USER");

    put_text(body, "to", values->to);
    put_text(body, "reason", values->reason);
    put_text(body, "author", values->author ? values->author : user && user[0] ? user : NULL);
    put_text(body, "on_undecided", values->on_undecided);
    put_text(body, "test", values->test);
    put_text(body, "by", values->by);
    put_text(body, "metric", values->metric);
    put_amount(body, "max_surge", values->surge);
    put_amount(body, "max_unavailable", values->unavailable);
    put_flag(body, "across", values->across);
    put_flag(body, "verdict", values->verdict);
    put_flag(body, "approve", values->approve);
    put_flag(body, "per_request", values->per_request);
    put_flag(body, "accept_separate_disks", values->separate_disks);
    put_flag(body, "accept_shadow_data", values->shadow_data);
    put_flag(body, "reset_disks", values->reset_disks);
}

char *cli_update_body(json_t *body, const struct cli_update_values *values)
{
    char *why = NULL;

    put_plain(body, values);
    why = put_ms(body, "progress_ms", "--progress", values->progress);
    why = why ? why : put_ms(body, "drain_ms", "--drain", values->drain);
    why = why ? why : put_ms(body, "min_ready_ms", "--min-ready", values->min_ready);
    why = why ? why : put_ms(body, "keep_ms", "--keep", values->keep);
    why = why ? why : put_ms(body, "for_ms", "--for", values->for_time);
    why = why ? why : put_ms(body, "decide_within_ms", "--decide-within", values->decide_within);
    why = why ? why : put_ms(body, "max_p99_ms", "--max-p99", values->p99);
    why = why ? why : put_count(body, "after_requests", "--after-requests", values->requests);
    why = why ? why : put_count(body, "min_requests", "--min-requests", values->least);
    why = why ? why : put_ppm(body, "max_error_rate_ppm", "--max-error-rate", values->error_rate);
    why = why ? why : put_ppm(body, "split_ppm", "--split", values->split);
    why = why ? why : put_ppm(body, "ppm", "--percent", values->percent);
    why = why ? why : put_shares(body, values->steps);
    why = why ? why : put_fields(body, "headers", "--header", "=:", &values->headers);
    return why ? why : put_fields(body, "cookies", "--cookie", "=", &values->cookies);
}
