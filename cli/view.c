#include "cli/view.h"

#include "cli/rule_text.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/view_parts.h"

#include <inttypes.h>
#include <stdlib.h>

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

static const json_t *find_version(const json_t *status, const char *name)
{
    return cli_find_rule(json_object_get(status, "versions"), name);
}

char *cli_version_title(const json_t *status, const char *name)
{
    const json_t *version = find_version(status, name);
    const char *build = text_of(version, "build");
    const char *mode = text_of(version, "mode");
    bool is_active = mode[0] == '\0' || strcmp(mode, "active") == 0;
    const char *comma = is_active ? "" : ", ";

    mode = is_active ? "" : mode;
    return build[0] ? cli_format("%s (build %s)%s%s", name, build, comma, mode)
                    : cli_format("%s%s%s", name, comma, mode);
}

bool cli_version_health(const json_t *status, const char *name, unsigned *ret_up, unsigned *ret_all)
{
    const json_t *version = find_version(status, name);
    const json_t *endpoints = json_object_get(version, "endpoints");
    unsigned up = 0;

    for (size_t i = 0; i < json_array_size(endpoints); i++)
        up += json_is_true(json_object_get(json_array_get(endpoints, i), "up"));
    if (!version)
        return false;
    *ret_up = up;
    *ret_all = (unsigned)json_array_size(endpoints);
    return true;
}

static void print_endpoint(const char *version, const json_t *endpoint, FILE *out)
{
    const char *mode = text_of(endpoint, "mode");
    const char *detail = text_of(endpoint, "detail");
    bool is_up = json_is_true(json_object_get(endpoint, "up"));
    const char *state = is_up                                                ? ""
                        : json_is_false(json_object_get(endpoint, "probed")) ? "not probed yet"
                                                                             : "down";

    fprintf(out, "  %s/%" PRIu64 "  %s  %s%s%s", version, count_of(endpoint, "index"),
            text_of(endpoint, "address"), is_up ? "" : state, is_up ? mode : "",
            detail[0] && !is_up ? ": " : "");
    for (const char *c = is_up ? "" : detail; *c; c++)
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c, out);
    fputc('\n', out);
}

void cli_print_down(const json_t *status, const char *name, FILE *out)
{
    const json_t *endpoints = json_object_get(find_version(status, name), "endpoints");

    for (size_t i = 0; i < json_array_size(endpoints); i++) {
        const json_t *endpoint = json_array_get(endpoints, i);
        const char *mode = text_of(endpoint, "mode");

        if (!json_is_true(json_object_get(endpoint, "up")) ||
            (mode[0] && strcmp(mode, "active") != 0))
            print_endpoint(name, endpoint, out);
    }
}

void cli_print_shadowed(const struct cli_context *context, const json_t *status)
{
    const json_t *versions = json_object_get(status, "versions");

    for (size_t i = 0; i < json_array_size(versions); i++) {
        const json_t *version = json_array_get(versions, i);
        const char *since = text_of(version, "shadowed_since");
        char age[CLI_TEXT_SIZE];
        char *title;

        if (!since[0])
            continue;
        title = cli_version_title(status, text_of(version, "name"));
        fprintf(context->out, "\n%s: shadowed since %s", title, since);
        if (cli_age_of(context->clock, since, age))
            fprintf(context->out, " (%s)", age);
        fputs(": its data is not only its own\n", context->out);
        free(title);
    }
}

static void print_head(const struct cli_context *context, const struct cli_view *view)
{
    const json_t *status = view->status;
    FILE *out = context->out;
    char *revision = cli_format("revision %" PRIu64, count_of(status, "revision"));
    char age[CLI_TEXT_SIZE];
    const char *state = text_of(status, "state");

    cli_print_styled(out, context->colour, CLI_BOLD, revision);
    if (cli_age_of(context->clock, text_of(status, "applied_at"), age))
        fprintf(out, ", applied %s ago", age);
    if (json_is_false(json_object_get(status, "durable")))
        fputs(", in memory only", out);
    if (!cli_age_of(context->clock, text_of(status, "started_at"), age))
        cli_write_age(count_of(status, "uptime_s"), age);
    fprintf(out, "; %s %s at %s, up %s", text_of(status, "name"), text_of(status, "version"),
            view->place, age);
    if (state[0] && strcmp(state, "running") != 0) {
        fputs(", ", out);
        cli_print_styled(out, context->colour, CLI_BAD, state);
    }
    fputs("\n\n", out);
    free(revision);
}

static bool is_used(const json_t *share, const char *name)
{
    const json_t *rules = json_object_get(share, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const json_t *mirrors = json_object_get(rule, "mirrors");

        if (count_of(cli_find_rule(json_object_get(rule, "versions"), name), "weight") > 0)
            return true;
        for (size_t k = 0; k < json_array_size(mirrors); k++) {
            if (strcmp(text_of(json_array_get(mirrors, k), "to"), name) == 0)
                return true;
        }
    }
    return false;
}

/* Who waits in reserve, and which endpoints need a look. */
static void print_foot(const struct cli_context *context, const struct cli_view *view)
{
    const json_t *versions = json_object_get(view->status, "versions");
    bool is_titled = false;

    for (size_t i = 0; i < json_array_size(versions); i++) {
        const char *name = text_of(json_array_get(versions, i), "name");
        unsigned up = 0;
        unsigned all = 0;

        if (is_used(view->share, name) || !cli_version_health(view->status, name, &up, &all))
            continue;
        char *title = cli_version_title(view->status, name);
        fprintf(context->out, "\nNo traffic: %s, %u/%u endpoints up\n", title, up, all);
        free(title);
    }
    cli_print_shadowed(context, view->status);
    for (size_t i = 0; i < json_array_size(versions); i++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = cli_need(open_memstream(&text, &len));

        cli_print_down(view->status, text_of(json_array_get(versions, i), "name"), out);
        cli_need(fclose(out) == 0 ? text : NULL);
        if (len > 0 && !is_titled)
            cli_print_styled(context->out, context->colour, CLI_WARN, "\nEndpoints not in use\n");
        is_titled = is_titled || len > 0;
        fputs(text, context->out);
        free(text);
    }
}

static bool is_among(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *own = json_string_value(json_array_get(names, i));

        if (own && strcmp(own, name) == 0)
            return true;
    }
    return false;
}

/* Until a change goes back; pictures of events say when, answers how long as well. */
static char *write_left(const struct tn_clock *clock, const json_t *ttl, char *buffer)
{
    const json_t *left = json_object_get(ttl, "left_ms");
    int64_t now = (int64_t)(clock->wall_ns(clock->context) / 1000000000);
    int64_t until;

    if (json_is_integer(left))
        return cli_write_age(count_of(ttl, "left_ms") / 1000, buffer);
    if (cli_parse_time(text_of(ttl, "until"), &until) != 0 || until < now)
        until = now;
    return cli_write_age((uint64_t)(until - now), buffer);
}

bool cli_view_reverts(const struct tn_clock *clock, const json_t *status, const char *rule,
                      char *buffer)
{
    const json_t *ttls = json_object_get(status, "ttls");

    for (size_t i = 0; i < json_array_size(ttls); i++) {
        const json_t *ttl = json_array_get(ttls, i);

        if (!is_among(json_object_get(ttl, "rules"), rule))
            continue;
        write_left(clock, ttl, buffer);
        return true;
    }
    return false;
}

/* What is in force for a while only: "Goes back by itself: main in 29 min (revision 17)". */
static void print_ttls(const struct cli_context *context, const struct cli_view *view)
{
    const json_t *ttls = json_object_get(view->status, "ttls");

    for (size_t i = 0; i < json_array_size(ttls); i++) {
        const json_t *ttl = json_array_get(ttls, i);
        const json_t *names[] = {json_object_get(ttl, "rules"), json_object_get(ttl, "modes")};
        char age[CLI_TEXT_SIZE];
        const char *comma = "";

        fputs(i == 0 ? "\nGoes back by itself: " : "; ", context->out);
        for (size_t k = 0; k < 2; k++) {
            for (size_t n = 0; n < json_array_size(names[k]); n++, comma = ", ") {
                const char *name = json_string_value(json_array_get(names[k], n));

                fprintf(context->out, "%s%s", comma, name ? name : "");
            }
        }
        fprintf(context->out, " in %s (revision %" PRIu64 ")", write_left(context->clock, ttl, age),
                count_of(ttl, "revision"));
    }
    if (json_array_size(ttls) > 0)
        fputc('\n', context->out);
}

/* They outlive what decided them, and keep a version or an endpoint from falling silent. */
static void print_tunnels(const struct cli_context *context, const struct cli_view *view)
{
    const json_t *versions = json_object_get(view->status, "versions");
    bool is_titled = false;

    for (size_t i = 0; i < json_array_size(versions); i++) {
        const json_t *endpoints = json_object_get(json_array_get(versions, i), "endpoints");
        uint64_t sum = 0;

        for (size_t k = 0; k < json_array_size(endpoints); k++)
            sum += count_of(json_array_get(endpoints, k), "tunnels");
        if (sum == 0)
            continue;
        fprintf(context->out, "%s%s %" PRIu64,
                is_titled ? ", " : "\nOpen tunnels: ", text_of(json_array_get(versions, i), "name"),
                sum);
        is_titled = true;
    }
    if (is_titled)
        fputc('\n', context->out);
}

void cli_print_view(const struct cli_context *context, const struct cli_view *view)
{
    print_head(context, view);
    cli_print_shares(context, view);
    if (view->is_live)
        cli_print_splits(context, json_object_get(view->share, "rules"));
    else
        cli_print_findings(context, view);
    cli_print_mirrors(context, view);
    if (!view->is_live)
        cli_print_rules(context, view);
    print_ttls(context, view);
    print_tunnels(context, view);
    print_foot(context, view);
}
