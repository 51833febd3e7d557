#include "cli/admin.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/rule_text.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#define CALL_MS_MIN 500
#define INTERVAL_NS 200000000L

struct status_options {
    const char *timeout, *output;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 0, "timeout", "DURATION",
     "how long to wait: 60s (default), 500ms, 5m;\n0s asks once",
     offsetof(struct status_options, timeout)},
    {CLI_OPTION_TEXT, 'o', "output", "FORMAT", CLI_OUTPUT_HELP,
     offsetof(struct status_options, output)},
};

static const struct cli_syntax syntax = {
    .command = "turnout status",
    .usage = "[--timeout DURATION] [-o table|json|yaml]",
    .about = "Waits until the proxy answers and every wanted version has a healthy endpoint, then\n"
             "says what is up. A version is wanted when a rule gives it weight or mirrors to it.\n"
             "Exit code: 0 all is up, 4 it is not yet at the end of the time.",
    .examples = "  turnout status\n"
                "  turnout status --timeout 10s && turnout route all green",
};

struct wait {
    struct cli_admin admin;
    struct cli_context *context;
    uint64_t deadline_ns;
    const char *output;
    char *said; /* last progress line, so that the same is not said again */
};

static uint64_t now_ns(const struct wait *wait)
{
    return wait->context->clock->monotonic_ns(wait->context->clock->context);
}

/* Takes text over. */
static void say(struct wait *wait, char *text)
{
    if (!wait->said || strcmp(wait->said, text) != 0)
        fprintf(wait->context->err, "waiting: %s\n", text);
    free(wait->said);
    wait->said = text;
}

/* Nobody waits for a version that is cut, nor for what a rule names that is switched off. */
static bool is_wanted(const json_t *status, const json_t *share, const char *name)
{
    const json_t *rules = json_object_get(share, "rules");
    const json_t *own = cli_find_rule(json_object_get(status, "versions"), name);
    const char *mode = json_string_value(json_object_get(own, "mode"));

    if (mode && strcmp(mode, "cut") == 0)
        return false;
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const json_t *version = cli_find_rule(json_object_get(rule, "versions"), name);
        const json_t *mirrors = json_object_get(rule, "mirrors");

        if (json_is_true(json_object_get(rule, "switched_off")))
            continue;
        if (json_integer_value(json_object_get(version, "weight")) > 0)
            return true;
        for (size_t k = 0; k < json_array_size(mirrors); k++) {
            const char *to = json_string_value(json_object_get(json_array_get(mirrors, k), "to"));
            if (to && strcmp(to, name) == 0)
                return true;
        }
    }
    return false;
}

/* NULL when every wanted version has an endpoint up; else what is missing. */
static char *missing(const json_t *status, const json_t *share)
{
    const json_t *versions = json_object_get(status, "versions");
    char *text = NULL;
    size_t len = 0;
    FILE *out = cli_need(open_memstream(&text, &len));

    for (size_t i = 0; i < json_array_size(versions); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(versions, i), "name"));
        unsigned up = 0;
        unsigned all = 0;

        if (!name || !is_wanted(status, share, name) ||
            !cli_version_health(status, name, &up, &all) || up > 0)
            continue;
        char *title = cli_version_title(status, name);
        fprintf(out, "%s%s has no healthy endpoint (0 of %u)", ftell(out) > 0 ? ", " : "", title,
                all);
        free(title);
    }
    cli_need(fclose(out) == 0 ? text : NULL);
    if (text[0])
        return text;
    free(text);
    return NULL;
}

static void print(const struct cli_context *context, const struct cli_admin *admin,
                  const json_t *status, const json_t *share)
{
    static const struct cli_column columns[] = {
        {"VERSION", false}, {"UP", true}, {"WANTED", false}};
    struct cli_table *table = cli_table_new(columns, 3);
    const json_t *versions = json_object_get(status, "versions");
    const char *name = json_string_value(json_object_get(status, "name"));
    const char *version = json_string_value(json_object_get(status, "version"));
    char age[CLI_TEXT_SIZE];

    fprintf(context->out,
            "%s %s at %s, pid %" JSON_INTEGER_FORMAT ", up %s, revision %" JSON_INTEGER_FORMAT
            "\n\n",
            name ? name : "turnout", version ? version : "", cli_admin_place(admin),
            json_integer_value(json_object_get(status, "pid")),
            cli_write_age((uint64_t)json_integer_value(json_object_get(status, "uptime_s")), age),
            json_integer_value(json_object_get(status, "revision")));
    for (size_t i = 0; i < json_array_size(versions); i++) {
        const char *own = json_string_value(json_object_get(json_array_get(versions, i), "name"));
        unsigned up = 0;
        unsigned all = 0;

        if (!own || !cli_version_health(status, own, &up, &all))
            continue;
        char *title = cli_version_title(status, own);
        cli_table_row(table);
        cli_table_cell(table, CLI_BOLD, "%s", title);
        cli_table_cell(table, up == 0 ? CLI_BAD : up < all ? CLI_WARN : CLI_GOOD, "%u/%u", up, all);
        cli_table_cell(table, CLI_PLAIN, "%s", is_wanted(status, share, own) ? "yes" : "no");
        free(title);
    }
    cli_table_print(table, context->out, context->colour);
    cli_table_free(table);
    for (size_t i = 0; i < json_array_size(versions); i++) {
        const char *own = json_string_value(json_object_get(json_array_get(versions, i), "name"));
        if (own)
            cli_print_down(status, own, context->out);
    }
    cli_print_shadowed(context, status);
}

/* A proxy that is not there yet, or just restarts, is what this verb waits for. */
static bool may_come_up(const struct cli_admin *admin)
{
    switch (-admin->error) {
    case ENOENT:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* One look. CLI_DONE: all is up; CLI_TIMED_OUT: not yet; others are final. ret_why: what is
 * missing. */
static int look(struct wait *wait, bool is_last, char **ret_why)
{
    json_t *status = NULL;
    json_t *share = NULL;
    int code = cli_admin_try(&wait->admin, "/v1/status", &status, ret_why);

    if (code == CLI_DONE)
        code = cli_admin_try(&wait->admin, "/v1/share", &share, ret_why);
    if (code == CLI_DONE) {
        *ret_why = missing(status, share);
        if ((!*ret_why || is_last) && !cli_output_print(wait->context, wait->output, status))
            print(wait->context, &wait->admin, status, share);
        code = *ret_why ? CLI_TIMED_OUT : CLI_DONE;
    } else if (may_come_up(&wait->admin)) {
        code = CLI_TIMED_OUT;
    }
    json_decref(status);
    json_decref(share);
    return code;
}

/* The exit code of the process. */
static int wait_up(struct wait *wait, const char *timeout)
{
    const struct timespec interval = {.tv_nsec = INTERVAL_NS};

    for (;;) {
        uint64_t now = now_ns(wait);
        bool is_last = now >= wait->deadline_ns;
        uint64_t left_ms = is_last ? 0 : (wait->deadline_ns - now) / 1000000;
        char *why = NULL;

        /* A proxy that accepts and says nothing must not hold us past the end. */
        if (left_ms < TN_CLIENT_TIMEOUT_MS)
            wait->admin.client.timeout_ms = left_ms > CALL_MS_MIN ? left_ms : CALL_MS_MIN;
        int code = look(wait, is_last, &why);
        if (code == CLI_TIMED_OUT && !is_last) {
            say(wait, why);
            nanosleep(&interval, NULL);
            continue;
        }
        if (why && wait->said && strcmp(why, wait->said) == 0)
            fprintf(wait->context->err, "%s: gave up after %s\n", syntax.command, timeout);
        else if (why)
            fprintf(wait->context->err, "%s: %s\n", syntax.command, why);
        free(why);
        return code;
    }
}

int cli_status(struct cli_context *context, int argc, char **argv)
{
    struct status_options values = {0};
    struct wait wait = {.context = context};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values},
                                         cli_admin_group(&wait.admin)},
                              .group_count = 2};
    uint64_t timeout_ms;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    if (!values.timeout)
        values.timeout = "60s";
    char *why = cli_parse_duration("--timeout", values.timeout, &timeout_ms);
    if (!why)
        why = cli_output_check(values.output);
    if (why)
        return cli_usage_refuse(&parse, why);
    cli_admin_start(&wait.admin, &parse);
    wait.output = values.output;
    wait.deadline_ns = now_ns(&wait) + timeout_ms * 1000000;
    int code = wait_up(&wait, values.timeout);
    free(wait.said);
    return code;
}
