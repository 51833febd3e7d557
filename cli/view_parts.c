#include "cli/view_parts.h"

#include "cli/rule_text.h"
#include "cli/table.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static uint64_t count_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));

    return value > 0 ? (uint64_t)value : 0;
}

bool cli_age_of(const struct tn_clock *clock, const char *time, char *buffer)
{
    int64_t then;

    if (cli_parse_time(time, &then) < 0)
        return false;
    int64_t now = (int64_t)(clock->wall_ns(clock->context) / 1000000000);
    cli_write_age(now > then ? (uint64_t)(now - then) : 0, buffer);
    return true;
}

static size_t width_of(const struct cli_view *view)
{
    return view->columns > 0 ? view->columns : SIZE_MAX;
}

/* One rule's row under way. */
struct share {
    const struct cli_view *view;
    const json_t *rule;
    struct cli_table *table;
    const struct cli_context *context;
    uint64_t total; /* requests of the rule that a version was charged with */
};

static uint64_t in_flight_of(const json_t *status, const char *version)
{
    const json_t *endpoints =
        json_object_get(cli_find_rule(json_object_get(status, "versions"), version), "endpoints");
    uint64_t sum = 0;

    for (size_t i = 0; i < json_array_size(endpoints); i++)
        sum += count_of(json_array_get(endpoints, i), "in_flight");
    return sum;
}

/* Farther from what was asked for than the dealing allows. Requests that are dealt but not
 * answered yet are not counted by the server, so each may be off as well. */
static bool is_off(const struct share *share, const json_t *version)
{
    const json_t *bound = json_object_get(version, "bound");
    double asked = (double)count_of(version, "target_ppm") / 1e6 * (double)share->total;
    double got = (double)count_of(version, "requests");
    double allowed = json_number_value(bound);
    const json_t *versions = json_object_get(share->rule, "versions");

    if (!json_is_number(bound) || share->total == 0)
        return false;
    for (size_t i = 0; i < json_array_size(versions); i++)
        allowed +=
            (double)in_flight_of(share->view->status, text_of(json_array_get(versions, i), "name"));
    return got - asked > allowed || asked - got > allowed;
}

static void put_got(const struct share *share, const json_t *version)
{
    const json_t *bound = json_object_get(version, "bound");
    char buffer[CLI_TEXT_SIZE];

    if (share->total == 0) {
        cli_table_cell(share->table, CLI_DIM, "-");
        cli_table_cell(share->table, CLI_DIM, "%s", json_is_number(bound) ? "" : "sticky");
        return;
    }
    double got = (double)count_of(version, "requests") / (double)share->total;
    cli_table_cell(share->table, is_off(share, version) ? CLI_BAD : CLI_BOLD, "%s",
                   cli_write_measured(got, buffer));
    if (!json_is_number(bound)) {
        cli_table_cell(share->table, CLI_DIM, "sticky");
        return;
    }
    /* The only version of its rule: there is nothing to be off by. */
    if (count_of(version, "target_ppm") == 1000000) {
        cli_table_cell(share->table, CLI_DIM, "-");
        return;
    }
    double off = json_number_value(bound) / (double)share->total;
    cli_table_cell(share->table, CLI_DIM, "±%s", cli_write_measured(off < 1 ? off : 1, buffer));
}

static void put_errors(const struct share *share, const json_t *version)
{
    uint64_t errors = count_of(version, "errors");
    uint64_t requests = count_of(version, "requests");
    char count[CLI_TEXT_SIZE];
    char ratio[CLI_TEXT_SIZE];

    if (errors == 0 || requests == 0) {
        cli_table_cell(share->table, errors == 0 ? CLI_PLAIN : CLI_BAD, "%" PRIu64, errors);
        return;
    }
    cli_table_cell(share->table, CLI_BAD, "%s (%s)", cli_write_count(errors, count),
                   cli_write_measured((double)errors / (double)requests, ratio));
}

static void put_latency(const struct share *share, const json_t *value)
{
    char buffer[CLI_TEXT_SIZE];

    cli_table_cell(share->table, CLI_PLAIN, "%s",
                   json_is_number(value) ? cli_write_latency(json_number_value(value), buffer)
                                         : "-");
}

/* Of the last ten seconds; nothing where nobody counted them. */
static void put_rate(const struct share *share, const json_t *recent)
{
    double rate = json_number_value(json_object_get(recent, "requests_per_s"));

    if (!share->view->is_live)
        cli_table_cell(share->table, CLI_PLAIN, "%s", "");
    else if (json_is_object(recent))
        cli_table_cell(share->table, CLI_PLAIN, rate < 10 ? "%.1f" : "%.0f", rate);
    else
        cli_table_cell(share->table, CLI_DIM, "-");
}

static void put_verdict(const struct share *share, const json_t *version)
{
    const char *verdict = text_of(json_object_get(version, "finding"), "verdict");
    enum cli_style style = strcmp(verdict, "worse") == 0    ? CLI_BAD
                           : strcmp(verdict, "better") == 0 ? CLI_GOOD
                                                            : CLI_PLAIN;

    cli_table_cell(share->table, style, "%s", share->view->is_live ? verdict : "");
}

static void put_version(const struct share *share, const char *rule, const json_t *version)
{
    const char *name = text_of(version, "name");
    char *title = cli_version_title(share->view->status, name);
    bool is_stable = strcmp(text_of(share->rule, "stable"), name) == 0;
    uint64_t failed_over = count_of(version, "failed_over");
    const json_t *recent = json_object_get(version, "recent");
    bool is_recent = share->view->is_live && json_is_object(recent);
    char buffer[CLI_TEXT_SIZE];
    unsigned up = 0;
    unsigned all = 0;

    cli_table_row(share->table);
    cli_table_cell(share->table, CLI_BOLD, "%s", rule);
    cli_table_cell(share->table, CLI_PLAIN, "%s%s", title, is_stable ? ", stable" : "");
    cli_table_cell(share->table, CLI_PLAIN, "%s",
                   cli_write_ppm(count_of(version, "target_ppm"), buffer));
    put_got(share, version);
    put_rate(share, recent);
    cli_table_cell(share->table, CLI_PLAIN, "%s",
                   cli_write_count(count_of(version, "requests"), buffer));
    put_errors(share, version);
    cli_table_cell(share->table, CLI_WARN, "%s",
                   failed_over > 0 ? cli_write_count(failed_over, buffer) : "");
    put_latency(share, json_object_get(is_recent ? recent : version, "p50_ms"));
    put_latency(share, json_object_get(is_recent ? recent : version, "p99_ms"));
    put_verdict(share, version);
    if (cli_version_health(share->view->status, name, &up, &all))
        cli_table_cell(share->table,
                       up == 0    ? CLI_BAD
                       : up < all ? CLI_WARN
                                  : CLI_GOOD,
                       "%u/%u", up, all);
    else
        cli_table_cell(share->table, CLI_PLAIN, "%s", "");
    if (rule[0] && share->view->is_live &&
        cli_view_reverts(share->context->clock, share->view->status, rule, buffer))
        cli_table_cell(share->table, CLI_WARN, "%s", buffer);
    free(title);
}

/* Requests that the rule took and no version answered. */
static void put_unanswered(const struct share *share)
{
    uint64_t unanswered = count_of(share->rule, "unanswered");
    char buffer[CLI_TEXT_SIZE];

    if (unanswered == 0)
        return;
    cli_table_row(share->table);
    cli_table_cell(share->table, CLI_PLAIN, "%s", "");
    cli_table_cell(share->table, CLI_BAD, "answered by nobody");
    for (int i = 0; i < 4; i++)
        cli_table_cell(share->table, CLI_PLAIN, "%s", "");
    cli_table_cell(share->table, CLI_BAD, "%s", cli_write_count(unanswered, buffer));
}

void cli_print_shares(const struct cli_context *context, const struct cli_view *view)
{
    static const struct cli_column columns[] = {
        {"RULE", false},       {"VERSION", false},   {"ASKED", true},    {"GOT", true},
        {"BOUND", true},       {"REQ/S", true},      {"REQUESTS", true}, {"ERRORS", true},
        {"FAILED OVER", true}, {"P50", true},        {"P99", true},      {"VERDICT", false},
        {"UP", true},          {"REVERTS IN", true},
    };
    /* What a narrow terminal can do without. */
    static const unsigned char ranks[] = {0, 0, 0, 0, 5, 2, 7, 0, 8, 6, 4, 3, 0, 1};
    struct cli_table *table = cli_table_new(columns, COUNT_OF(columns));
    const json_t *rules = json_object_get(view->share, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const json_t *versions = json_object_get(rule, "versions");
        struct share share = {.view = view, .rule = rule, .table = table, .context = context};
        const char *name = text_of(rule, "name");

        for (size_t k = 0; k < json_array_size(versions); k++)
            share.total += count_of(json_array_get(versions, k), "requests");
        for (size_t k = 0; k < json_array_size(versions); k++)
            put_version(&share, k == 0 ? name : "", json_array_get(versions, k));
        put_unanswered(&share);
    }
    cli_table_print_within(table, context->out, context->colour, width_of(view), ranks);
    cli_table_free(table);
}

/* "3 (in_flight 2, memory 1)" */
static void put_reasons(struct cli_table *table, enum cli_style style, const json_t *counts)
{
    char *text = NULL;
    size_t len = 0;
    uint64_t sum = 0;
    const char *key;
    json_t *value;
    FILE *out = cli_need(open_memstream(&text, &len));

    json_object_foreach((json_t *)(uintptr_t)counts, key, value)
    {
        uint64_t count = count_of(counts, key);

        if (count > 0)
            fprintf(out, "%s%s %" PRIu64, sum == 0 ? " (" : ", ", key, count);
        sum += count;
    }
    cli_need(fclose(out) == 0 ? text : NULL);
    cli_table_cell(table, sum > 0 ? style : CLI_PLAIN, "%" PRIu64 "%s%s", sum, text,
                   sum > 0 ? ")" : "");
    free(text);
}

static void put_mirror(struct cli_table *table, const struct cli_view *view, const char *rule,
                       const json_t *mirror)
{
    const char *to = text_of(mirror, "to");
    const json_t *percent = json_object_get(mirror, "percent");
    char *title = cli_version_title(view->status, to);
    char buffer[CLI_TEXT_SIZE];
    uint64_t waiting = count_of(mirror, "queued") + count_of(mirror, "in_flight");

    cli_table_row(table);
    cli_table_cell(table, CLI_BOLD, "%s", rule);
    cli_table_cell(table, CLI_PLAIN, "%s", title);
    cli_table_cell(table, CLI_PLAIN, "%s",
                   json_is_string(percent)
                       ? json_string_value(percent)
                       : cli_write_ppm((uint64_t)(json_number_value(percent) * 1e4 + 0.5), buffer));
    static const char *const keys[] = {"selected", "sent", "answered"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        cli_table_cell(table, CLI_PLAIN, "%s", cli_write_count(count_of(mirror, keys[i]), buffer));
    cli_table_cell(table, CLI_PLAIN, "%s", cli_write_count(waiting, buffer));
    put_reasons(table, CLI_WARN, json_object_get(mirror, "dropped"));
    put_reasons(table, CLI_BAD, json_object_get(mirror, "failed"));
    free(title);
}

void cli_print_mirrors(const struct cli_context *context, const struct cli_view *view)
{
    static const struct cli_column columns[] = {
        {"MIRROR OF", false}, {"TO", false},     {"ASKED", true},
        {"SELECTED", true},   {"SENT", true},    {"ANSWERED", true},
        {"WAITING", true},    {"DROPPED", true}, {"FAILED", true},
    };
    static const unsigned char ranks[] = {0, 0, 3, 2, 5, 1, 4, 0, 0};
    struct cli_table *table = cli_table_new(columns, COUNT_OF(columns));
    const json_t *rules = json_object_get(view->share, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *mirrors = json_object_get(json_array_get(rules, i), "mirrors");

        for (size_t k = 0; k < json_array_size(mirrors); k++)
            put_mirror(table, view, text_of(json_array_get(rules, i), "name"),
                       json_array_get(mirrors, k));
    }
    if (!cli_table_is_empty(table)) {
        fputc('\n', context->out);
        cli_table_print_within(table, context->out, context->colour, width_of(view), ranks);
    }
    cli_table_free(table);
}

void cli_print_rules(const struct cli_context *context, const struct cli_view *view)
{
    static const struct cli_column columns[] = {
        {"RULE", false}, {"FOR", false}, {"STICKY", false}, {"COUNTED", false}};
    struct cli_table *table = cli_table_new(columns, COUNT_OF(columns));
    const json_t *shares = json_object_get(view->share, "rules");
    size_t count = json_array_size(shares);

    for (size_t i = 0; i < count; i++) {
        const json_t *share = json_array_get(shares, i);
        const char *name = text_of(share, "name");
        const json_t *rule = cli_find_rule(json_object_get(view->rules, "rules"), name);
        char *match = cli_rule_match(rule);
        char *sticky = cli_rule_sticky(rule);
        const char *since = text_of(share, "since");
        char age[CLI_TEXT_SIZE];
        bool is_off = json_is_true(json_object_get(rule, "switched_off"));
        bool has_age =
            cli_age_of(context->clock, since[0] ? since : text_of(view->share, "since"), age);

        cli_table_row(table);
        cli_table_cell(table, CLI_BOLD, "%s", name);
        cli_table_cell(table, CLI_PLAIN, "%s",
                       is_off       ? "nobody: switched off by an abort"
                       : match      ? match
                       : count == 1 ? "everybody"
                                    : "everybody else");
        cli_table_cell(table, CLI_PLAIN, "%s", sticky ? sticky : "");
        cli_table_cell(table, CLI_PLAIN, "%s%s", has_age ? "for " : "", has_age ? age : "");
        free(match);
        free(sticky);
    }
    fputc('\n', context->out);
    cli_table_print(table, context->out, context->colour);
    cli_table_free(table);
}
