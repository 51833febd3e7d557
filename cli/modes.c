#include "cli/change.h"
#include "cli/numbers.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cli_abort(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 0, "rule", "RULE", "only this rule (default: every rule)",
         offsetof(struct cli_change, rule)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout abort",
        .usage = "[--rule RULE] [options]",
        .about =
            "Sends every rule back to its stable version, in one switch, without waiting for a\n"
            "disk. A match rule without stable that names another version is switched off, "
            "mirrors\n"
            "of these rules stop, and sessions that were bound elsewhere are bound anew. When it\n"
            "returns, no request that a client completes from then on reaches the other version.",
        .examples = "  turnout abort\n"
                    "  turnout abort --rule main --reason 'errors at checkout'",
        .is_for_good = true,
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, 1, &change};

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    return cli_change_send(&parse, &change, "POST", "/v1/abort", json_object());
}

struct promote_options {
    bool accept_shadow_data;
};

int cli_promote(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_FLAG, 0, "accept-shadow-data", NULL,
         "although mirrored requests changed its data",
         offsetof(struct promote_options, accept_shadow_data)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout promote",
        .usage = "[VERSION] [options]",
        .about =
            "Makes a version stable of a rule and gives it all of the rule's traffic. VERSION\n"
            "may be left out if only one other than stable has weight. What 'route ab' made for\n"
            "the rule goes, and so do mirrors to the version. One that got mirrored requests is\n"
            "refused without --accept-shadow-data: then its data counts as its own.",
        .examples = "  turnout promote\n"
                    "  turnout promote green --reason 'no errors in an hour'",
        .words_max = 1,
        .words_name = "VERSION",
        .has_rule = true,
        .is_for_good = true,
    };
    struct promote_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, 1, &values};
    json_t *body = NULL;

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    body = cli_need(json_object());
    if (parse.words.count > 0)
        json_object_set_new(body, "version", cli_need(json_string(parse.words.items[0])));
    if (values.accept_shadow_data)
        json_object_set_new(body, "accept_shadow_data", json_true());
    return cli_change_send(&parse, &change, "POST", "/v1/promote", body);
}

/* --- drain, cut, undrain ------------------------------------------------------------------------
 */

/* "green" or "green/1" into the body of a change; the message, or NULL. */
static char *put_target(json_t *body, const char *text)
{
    const char *slash = strchr(text, '/');
    char *end = NULL;
    long index;

    if (!slash) {
        json_object_set_new(body, "version", cli_need(json_string(text)));
        return NULL;
    }
    errno = 0;
    index = strtol(slash + 1, &end, 10);
    if (slash == text || end == slash + 1 || *end || slash[1] < '0' || slash[1] > '9' || errno ||
        index > 999999)
        return cli_format("'%s': expected a version, or one endpoint by its number: green or "
                          "green/1",
                          text);
    json_object_set_new(body, "version", cli_need(json_stringn(text, (size_t)(slash - text))));
    json_object_set_new(body, "endpoint", json_integer(index));
    return NULL;
}

/* mode: the admin interface's word; body: with what else was asked for, taken over. */
static int send_mode(struct cli_parse *parse, struct cli_change *change, const char *mode,
                     json_t *body)
{
    char *why = put_target(body, parse->words.items[0]);

    if (why) {
        json_decref(body);
        return cli_usage_refuse(parse, why);
    }
    json_object_set_new(body, "mode", cli_need(json_string(mode)));
    return cli_change_send(parse, change, "PUT", "/v1/mode", body);
}

struct drain_options {
    const char *timeout;
};

int cli_drain(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 0, "timeout", "DURATION",
         "how long who is there may stay: 30s (default),\n500ms, 5m",
         offsetof(struct drain_options, timeout)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout drain",
        .usage = "VERSION[/ENDPOINT] [--timeout DURATION] [options]",
        .about = "Sends no new users to a version, or to one endpoint of it by its number. Users "
                 "who are\n"
                 "bound there and open exchanges stay until the timeout; then the version is cut: "
                 "users\n"
                 "move and what is still open is ended. It returns at once and waits for no disk.",
        .examples = "  turnout drain green\n"
                    "  turnout drain blue/1 --timeout 5m --reason 'new kernel'",
        .words_min = 1,
        .words_max = 1,
        .words_name = "VERSION or VERSION/ENDPOINT",
    };
    struct drain_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, 1, &values};
    uint64_t timeout_ms = 0;
    json_t *body;

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    char *why =
        values.timeout ? cli_parse_duration("--timeout", values.timeout, &timeout_ms) : NULL;
    if (why)
        return cli_usage_refuse(&parse, why);
    body = cli_need(json_object());
    if (values.timeout)
        json_object_set_new(body, "timeout_ms", json_integer((json_int_t)timeout_ms));
    return send_mode(&parse, &change, "draining", body);
}

struct cut_options {
    bool abort_open;
};

int cli_cut(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_FLAG, 0, "abort-open", NULL, "end what is open instead of letting it finish",
         offsetof(struct cut_options, abort_open)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout cut",
        .usage = "VERSION[/ENDPOINT] [--abort-open] [options]",
        .about = "Sends nobody to a version, or to one endpoint of it by its number, from the "
                 "moment it\n"
                 "returns; it waits for no disk. What is open finishes. The version's share goes "
                 "to the\n"
                 "others in proportion, else to stable, else to the next rule, else it is refused "
                 "(503).",
        .examples = "  turnout cut green\n"
                    "  turnout cut blue/1 --abort-open --reason 'disk is dying'",
        .words_min = 1,
        .words_max = 1,
        .words_name = "VERSION or VERSION/ENDPOINT",
        .is_for_good = true,
    };
    struct cut_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, 1, &values};
    json_t *body;

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    body = cli_need(json_object());
    if (values.abort_open)
        json_object_set_new(body, "abort_open", json_true());
    return send_mode(&parse, &change, "cut", body);
}

int cli_undrain(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout undrain",
        .usage = "VERSION[/ENDPOINT] [options]",
        .about =
            "Takes a drain or a cut back: the version, or the endpoint, gets its share again. A\n"
            "version and its endpoints are drained and cut apart; what stays is told.",
        .examples = "  turnout undrain green\n"
                    "  turnout undrain blue/1",
        .words_min = 1,
        .words_max = 1,
        .words_name = "VERSION or VERSION/ENDPOINT",
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};

    if (!cli_change_parse(&parse, &change, (struct cli_option_group){0}, argc, argv))
        return parse.exit_code;
    return send_mode(&parse, &change, "active", cli_need(json_object()));
}
