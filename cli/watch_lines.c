#include "cli/rule_text.h"
#include "cli/text.h"
#include "cli/view.h"
#include "cli/watch_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

char *cli_watch_time(const struct cli_context *context, bool is_short, char *buffer)
{
    time_t now = (time_t)(context->clock->wall_ns(context->clock->context) / 1000000000);
    struct tm tm;

    if (is_short)
        strftime(buffer, CLI_TEXT_SIZE, "%H:%M:%S", localtime_r(&now, &tm));
    else
        strftime(buffer, CLI_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    return buffer;
}

static void print_got(FILE *out, const json_t *version, uint64_t total)
{
    const json_t *bound = json_object_get(version, "bound");
    char buffer[CLI_TEXT_SIZE];
    double off;

    if (total == 0) {
        fputs("  got -", out);
        return;
    }
    fprintf(out, "  got %s",
            cli_write_measured((double)count_of(version, "requests") / (double)total, buffer));
    off = json_number_value(bound) / (double)total;
    if (json_is_number(bound) && off > 0)
        fprintf(out, " ±%s", cli_write_measured(off < 1 ? off : 1, buffer));
}

static void print_latency(FILE *out, const char *title, const json_t *value)
{
    char buffer[CLI_TEXT_SIZE];

    fprintf(out, "  %s %s", title,
            json_is_number(value) ? cli_write_latency(json_number_value(value), buffer) : "-");
}

static void print_version(const struct cli_watched *watched, const char *at, const json_t *rule,
                          const json_t *version, uint64_t total)
{
    const json_t *recent = json_object_get(version, "recent");
    const json_t *latency = json_is_object(recent) ? recent : version;
    const char *verdict = text_of(json_object_get(version, "finding"), "verdict");
    char *name = cli_printable(text_of(version, "name"));
    char *rule_name = cli_printable(text_of(rule, "name"));
    FILE *out = watched->context->out;
    char buffer[CLI_TEXT_SIZE];
    unsigned up = 0;
    unsigned all = 0;

    fprintf(out, "%s  %s  %s  asked %s", at, rule_name, name,
            cli_write_ppm(count_of(version, "target_ppm"), buffer));
    print_got(out, version, total);
    fprintf(out, "  requests %" PRIu64, count_of(version, "requests"));
    if (json_is_object(recent))
        fprintf(out, " (%.1f/s)", json_number_value(json_object_get(recent, "requests_per_s")));
    fprintf(out, "  errors %" PRIu64, count_of(version, "errors"));
    print_latency(out, "p50", json_object_get(latency, "p50_ms"));
    print_latency(out, "p99", json_object_get(latency, "p99_ms"));
    if (verdict[0])
        fprintf(out, "  %s", verdict);
    if (cli_version_health(watched->documents.status, text_of(version, "name"), &up, &all))
        fprintf(out, "  up %u/%u", up, all);
    if (cli_view_reverts(watched->context->clock, watched->documents.status, text_of(rule, "name"),
                         buffer))
        fprintf(out, "  reverts in %s", buffer);
    fputc('\n', out);
    free(rule_name);
    free(name);
}

static uint64_t sum_of(const json_t *counts)
{
    uint64_t sum = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)counts, key, value)
    {
        sum += count_of(counts, key);
    }
    return sum;
}

static void print_mirror(const struct cli_watched *watched, const char *at, const json_t *rule,
                         const json_t *mirror)
{
    char *rule_name = cli_printable(text_of(rule, "name"));
    char *to = cli_printable(text_of(mirror, "to"));

    fprintf(watched->context->out,
            "%s  %s  mirror to %s  selected %" PRIu64 "  sent %" PRIu64 "  answered %" PRIu64
            "  dropped %" PRIu64 "  failed %" PRIu64 "\n",
            at, rule_name, to, count_of(mirror, "selected"), count_of(mirror, "sent"),
            count_of(mirror, "answered"), sum_of(json_object_get(mirror, "dropped")),
            sum_of(json_object_get(mirror, "failed")));
    free(rule_name);
    free(to);
}

void cli_watch_print_lines(const struct cli_watched *watched)
{
    const json_t *rules = json_object_get(watched->documents.share, "rules");
    char at[CLI_TEXT_SIZE];

    cli_watch_time(watched->context, false, at);
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const json_t *versions = json_object_get(rule, "versions");
        const json_t *mirrors = json_object_get(rule, "mirrors");
        uint64_t total = 0;

        for (size_t k = 0; k < json_array_size(versions); k++)
            total += count_of(json_array_get(versions, k), "requests");
        for (size_t k = 0; k < json_array_size(versions); k++)
            print_version(watched, at, rule, json_array_get(versions, k), total);
        for (size_t k = 0; k < json_array_size(mirrors); k++)
            print_mirror(watched, at, rule, json_array_get(mirrors, k));
    }
}
