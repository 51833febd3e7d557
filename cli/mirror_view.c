#include "cli/mirror_view.h"

#include "cli/table.h"
#include "cli/text.h"
#include "cli/view_parts.h"

#include <inttypes.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define ID_SHOWN 16

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

static uint64_t sum_of(const json_t *object)
{
    uint64_t sum = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        sum += count_of(object, key);
    }
    return sum;
}

static uint64_t count_different(const json_t *results)
{
    return count_of(results, "status") + count_of(results, "headers") + count_of(results, "body");
}

static void put_count(FILE *out, uint64_t count, const char *what)
{
    char buffer[CLI_TEXT_SIZE];

    fprintf(out, "%s %s", cli_write_count(count, buffer), what);
}

static void put_share(FILE *out, uint64_t part, uint64_t whole)
{
    char buffer[CLI_TEXT_SIZE];

    if (whole > 0 && part > 0)
        fprintf(out, " (%s)", cli_write_measured((double)part / (double)whole, buffer));
}

/* ": timeout 5, reset 1", or nothing. */
static void put_reasons(FILE *out, const json_t *counts)
{
    const char *comma = ": ";
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)counts, key, value)
    {
        char buffer[CLI_TEXT_SIZE];

        if (count_of(counts, key) == 0)
            continue;
        fprintf(out, "%s%s %s", comma, key, cli_write_count(count_of(counts, key), buffer));
        comma = ", ";
    }
}

/* --- lines -------------------------------------------------------------------------------------
 */

static void print_requests(FILE *out, const json_t *mirror)
{
    const json_t *passed = json_object_get(mirror, "passed_over");
    uint64_t selected = count_of(mirror, "selected");
    uint64_t all = selected + sum_of(passed);

    fputs("  requests  ", out);
    put_count(out, all, "of the rule; ");
    put_count(out, selected, "mirrored");
    put_share(out, selected, all);
    fputs(", ", out);
    put_count(out, sum_of(passed), "not");
    put_reasons(out, passed);
    fputs("\n  copies    ", out);
    put_count(out, count_of(mirror, "answered"), "answered, ");
    put_count(out, sum_of(json_object_get(mirror, "dropped")), "dropped");
    put_reasons(out, json_object_get(mirror, "dropped"));
    fputs(", ", out);
    put_count(out, sum_of(json_object_get(mirror, "failed")), "failed");
    put_reasons(out, json_object_get(mirror, "failed"));
    fputc('\n', out);
}

static void print_compared(const struct cli_context *context, const json_t *compare,
                           uint64_t window_s)
{
    const json_t *results = json_object_get(compare, "results");
    uint64_t different = count_different(results);
    uint64_t same = count_of(results, "same");
    char age[CLI_TEXT_SIZE];
    FILE *out = context->out;

    fputs("  compared  ", out);
    put_count(out, same + different, "");
    if (window_s > 0)
        fprintf(out, "in the last %s: ", cli_write_age(window_s, age));
    else if (cli_age_of(context->clock, text_of(compare, "since"), age))
        fprintf(out, "in %s: ", age);
    put_count(out, same, "same");
    put_share(out, same, same + different);
    fputs(", ", out);
    put_count(out, different, "different");
    put_share(out, different, same + different);
    fprintf(out, "; ");
    put_count(out, count_of(results, "unanswered"), "unanswered, ");
    put_count(out, count_of(results, "skipped"), "skipped");
    put_reasons(out, json_object_get(compare, "skipped"));
    fputc('\n', out);
}

static const char *latency_text(const json_t *latency, const char *key, char *buffer)
{
    const json_t *ms = json_object_get(latency, key);

    return json_is_number(ms) ? cli_write_latency(json_number_value(ms), buffer) : "-";
}

static void print_noise(FILE *out, const json_t *compare)
{
    uint64_t compared = count_of(json_object_get(compare, "baseline"), "compared");

    fputs("  noise     ", out);
    if (compared == 0)
        fputs("unknown: no two answers of the stable version were compared ('baseline')\n", out);
    else
        put_count(out, compared,
                  "requests went to the stable version twice: what differed there is noise\n");
}

/* --- tables ------------------------------------------------------------------------------------
 */

static const char *group_name(const json_t *group)
{
    const char *name = text_of(group, "name");

    return name[0] ? name : "(other)";
}

static void put_group(struct cli_table *table, const char *name, const json_t *results,
                      const json_t *latency)
{
    static const char *const keys[] = {"primary_p50_ms", "shadow_p50_ms", "primary_p99_ms",
                                       "shadow_p99_ms"};
    uint64_t different = count_different(results);
    uint64_t compared = different + count_of(results, "same");
    char buffer[CLI_TEXT_SIZE];
    char share[CLI_TEXT_SIZE];

    cli_table_row(table);
    cli_table_cell(table, CLI_BOLD, "%s", name);
    cli_table_cell(table, CLI_PLAIN, "%s", cli_write_count(compared, buffer));
    if (different == 0)
        cli_table_cell(table, compared > 0 ? CLI_GOOD : CLI_PLAIN, "0");
    else
        cli_table_cell(table, CLI_BAD, "%s (%s)", cli_write_count(different, buffer),
                       cli_write_measured((double)different / (double)compared, share));
    cli_table_cell(table, count_of(results, "unanswered") ? CLI_BAD : CLI_PLAIN, "%s",
                   cli_write_count(count_of(results, "unanswered"), buffer));
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        cli_table_cell(table, CLI_PLAIN, "%s", latency_text(latency, keys[i], buffer));
}

static void print_groups(const struct cli_context *context, const json_t *compare)
{
    static const struct cli_column columns[] = {
        {"GROUP", false},    {"COMPARED", true},   {"DIFFERENT", true}, {"UNANSWERED", true},
        {"P50 USERS", true}, {"P50 MIRROR", true}, {"P99 USERS", true}, {"P99 MIRROR", true},
    };
    struct cli_table *table = cli_table_new(columns, COUNT_OF(columns));
    const json_t *groups = json_object_get(compare, "groups");
    size_t count = json_array_size(groups);

    for (size_t i = 0; i < count; i++) {
        const json_t *group = json_array_get(groups, i);

        put_group(table, group_name(group), json_object_get(group, "results"),
                  json_object_get(group, "latency"));
    }
    if (count != 1)
        put_group(table, "all", json_object_get(compare, "results"),
                  json_object_get(compare, "latency"));
    fputc('\n', context->out);
    cli_table_print(table, context->out, context->colour);
    cli_table_free(table);
}

static char *field_title(const json_t *field)
{
    const char *kind = text_of(field, "kind");
    const char *path = text_of(field, "path");

    if (strcmp(kind, "bytes") == 0)
        return cli_format("(body)");
    if (strcmp(kind, "status") == 0 || strcmp(kind, "header") == 0)
        return cli_printable(path);
    return path[0] ? cli_printable(path) : cli_format("(document)");
}

static void put_field(struct cli_table *table, const struct cli_context *context,
                      const json_t *group, const json_t *field)
{
    const json_t *results = json_object_get(group, "results");
    bool is_noise = json_is_true(json_object_get(field, "noise"));
    enum cli_style style = is_noise ? CLI_DIM : CLI_BAD;
    uint64_t count = count_of(field, "count");
    uint64_t compared = count_different(results) + count_of(results, "same");
    char *title = field_title(field);
    char *id = cli_printable(text_of(field, "request_id"));
    char buffer[CLI_TEXT_SIZE];
    char share[CLI_TEXT_SIZE];

    cli_table_row(table);
    cli_table_cell(table, CLI_BOLD, "%s", group_name(group));
    cli_table_cell(table, style, "%s", title);
    cli_table_cell(table, style, "%s", text_of(field, "kind"));
    cli_table_cell(table, style, "%s (%s)", cli_write_count(count, buffer),
                   cli_write_measured(compared ? (double)count / (double)compared : 0, share));
    cli_table_cell(table, style, "%s", is_noise ? "noise" : "real");
    cli_table_cell(table, CLI_PLAIN, "%s",
                   cli_age_of(context->clock, text_of(field, "first"), buffer) ? buffer : "");
    cli_table_cell(table, CLI_PLAIN, "%s",
                   cli_age_of(context->clock, text_of(field, "last"), buffer) ? buffer : "");
    cli_table_cell(table, CLI_PLAIN, "%s", id);
    free(title);
    free(id);
}

/* What is real first. */
static void print_fields(const struct cli_context *context, const json_t *compare)
{
    static const struct cli_column columns[] = {
        {"GROUP", false}, {"FIELD", false}, {"HOW", false}, {"DIFFERS", true},
        {"", false},      {"SINCE", true},  {"LAST", true}, {"REQUEST", false},
    };
    struct cli_table *table = cli_table_new(columns, COUNT_OF(columns));
    const json_t *groups = json_object_get(compare, "groups");
    uint64_t others = 0;

    for (int noise = 0; noise <= 1; noise++) {
        for (size_t i = 0; i < json_array_size(groups); i++) {
            const json_t *group = json_array_get(groups, i);
            const json_t *fields = json_object_get(group, "fields");

            others += noise == 0 ? count_of(group, "other_fields") : 0;
            for (size_t k = 0; k < json_array_size(fields); k++) {
                const json_t *field = json_array_get(fields, k);

                if (json_is_true(json_object_get(field, "noise")) == (noise == 1))
                    put_field(table, context, group, field);
            }
        }
    }
    if (!cli_table_is_empty(table)) {
        fputc('\n', context->out);
        cli_table_print(table, context->out, context->colour);
    }
    if (others > 0) {
        put_count(context->out, others,
                  "differences in further fields, for which there was no "
                  "room: ignore what has a name of its own each time\n");
    }
    cli_table_free(table);
}

static void print_mirror(const struct cli_context *context, const json_t *entry, uint64_t window_s)
{
    const json_t *mirror = json_object_get(entry, "mirror");
    const json_t *compare = json_object_get(entry, "compare");
    const char *build = text_of(entry, "build");
    char buffer[CLI_TEXT_SIZE];
    char *title =
        cli_format("%s mirrored to %s%s%s%s", text_of(entry, "rule"), text_of(entry, "to"),
                   build[0] ? " (build " : "", build, build[0] ? ")" : "");

    cli_print_styled(context->out, context->colour, CLI_BOLD, title);
    free(title);
    fprintf(
        context->out, ", %s\n",
        cli_write_ppm((uint64_t)(json_number_value(json_object_get(mirror, "percent")) * 1e4 + 0.5),
                      buffer));
    print_requests(context->out, mirror);
    if (!json_is_object(compare)) {
        fputs("  compared  nothing: the mirror has no 'compare'\n", context->out);
        return;
    }
    print_compared(context, compare, window_s);
    print_noise(context->out, compare);
    print_groups(context, compare);
    print_fields(context, compare);
}

void cli_print_mirror_report(const struct cli_context *context, const json_t *report)
{
    const json_t *mirrors = json_object_get(report, "mirrors");
    uint64_t window_s = count_of(report, "window_s");

    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        if (i > 0)
            fputc('\n', context->out);
        print_mirror(context, json_array_get(mirrors, i), window_s);
    }
    if (json_array_size(mirrors) == 0)
        fputs("no mirrors\n", context->out);
}
