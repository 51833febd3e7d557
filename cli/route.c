#include "cli/change.h"
#include "cli/numbers.h"
#include "cli/route_ab.h"
#include "cli/text.h"

#include <string.h>

struct route_options {
    const char *stable, *canary, *share, *percent;
    bool per_request;
};

static const struct cli_option pair_options[] = {
    {CLI_OPTION_TEXT, 0, "stable", "VERSION", "the version that users have now",
     offsetof(struct route_options, stable)},
    {CLI_OPTION_TEXT, 0, "canary", "VERSION", "the version to try",
     offsetof(struct route_options, canary)},
};

static struct cli_option_group pair_group(struct route_options *values)
{
    return (struct cli_option_group){pair_options, 2, values};
}

/* 0, or the exit code of a line that lacks --stable or --canary. */
static int need_pair(const struct cli_parse *parse, const struct route_options *values)
{
    if (!values->stable)
        return cli_usage_error(parse, "--stable VERSION is missing");
    if (!values->canary)
        return cli_usage_error(parse, "--canary VERSION is missing");
    if (strcmp(values->stable, values->canary) == 0)
        return cli_usage_error(parse, "--stable and --canary both name '%s'", values->stable);
    return 0;
}

static int send_route(const struct cli_parse *parse, struct cli_change *change, json_t *body)
{
    return cli_change_send(parse, change, "POST", "/v1/route", cli_need(body));
}

static int route_all(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout route all",
        .usage = "VERSION [options]",
        .about =
            "Sends all traffic of a rule to one version, from the next request on. Mirrors of\n"
            "the rule end, and so do the match rules that 'route ab' made for it.",
        .examples = "  turnout route all green\n"
                    "  turnout route all blue --reason 'green answers 500'",
        .words_min = 1,
        .words_max = 1,
        .words_name = "VERSION",
        .has_rule = true,
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};

    if (!cli_change_parse(&parse, &change, (struct cli_option_group){0}, argc, argv))
        return parse.exit_code;
    return send_route(&parse, &change,
                      json_pack("{s:s, s:s}", "strategy", "all", "version", parse.words.items[0]));
}

static int route_canary(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 0, "share", "PERCENT", "the share of the canary: 10%, 0.1%",
         offsetof(struct route_options, share)},
        {CLI_OPTION_FLAG, 0, "per-request", NULL,
         "deal each request anew; without it a user stays with\na version (by cookie)",
         offsetof(struct route_options, per_request)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout route canary",
        .usage = "--stable VERSION --canary VERSION --share PERCENT [options]",
        .about = "Sends a share of a rule's traffic to the canary, the rest to the stable version.",
        .examples = "  turnout route canary --stable blue --canary green --share 10%\n"
                    "  turnout route canary --stable blue --canary green --share 5% --ttl 30m \\\n"
                    "      --reason 'try build 2'\n"
                    "  turnout route canary --stable blue --canary green --share 0.1% --dry-run",
        .has_rule = true,
    };
    struct route_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {
        .context = context, .syntax = &syntax, .groups = {pair_group(&values)}, .group_count = 1};
    uint32_t ppm = 0;

    if (!cli_change_parse(&parse, &change, (struct cli_option_group){options, 2, &values}, argc,
                          argv))
        return parse.exit_code;
    int code = need_pair(&parse, &values);
    if (code != 0)
        return code;
    if (!values.share)
        return cli_usage_error(&parse, "--share PERCENT is missing, for example --share 10%%");
    char *why = cli_parse_percent("--share", values.share, &ppm);
    if (why)
        return cli_usage_refuse(&parse, why);
    return send_route(&parse, &change,
                      json_pack("{s:s, s:s, s:s, s:I, s:b}", "strategy", "canary", "stable",
                                values.stable, "canary", values.canary, "share_ppm",
                                (json_int_t)ppm, "per_request", values.per_request));
}

static int route_shadow(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 0, "percent", "PERCENT", "how many of the requests are mirrored: 25",
         offsetof(struct route_options, percent)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout route shadow",
        .usage = "--stable VERSION --canary VERSION --percent PERCENT [options]",
        .about =
            "The stable version answers everybody; a part of the requests is mirrored to the\n"
            "canary, whose answers are discarded. GET and HEAD only, unless the rule's mirror\n"
            "names other methods.",
        .examples = "  turnout route shadow --stable blue --canary green --percent 25",
        .has_rule = true,
    };
    struct route_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {
        .context = context, .syntax = &syntax, .groups = {pair_group(&values)}, .group_count = 1};
    uint32_t ppm = 0;

    if (!cli_change_parse(&parse, &change, (struct cli_option_group){options, 1, &values}, argc,
                          argv))
        return parse.exit_code;
    int code = need_pair(&parse, &values);
    if (code != 0)
        return code;
    if (!values.percent)
        return cli_usage_error(&parse, "--percent PERCENT is missing, for example --percent 25");
    char *why = cli_parse_percent_number("--percent", values.percent, &ppm);
    if (why)
        return cli_usage_refuse(&parse, why);
    return send_route(&parse, &change,
                      json_pack("{s:s, s:s, s:s, s:I}", "strategy", "shadow", "stable",
                                values.stable, "canary", values.canary, "ppm", (json_int_t)ppm));
}

int cli_route(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout route",
        .usage = "all|canary|ab|shadow",
        .about =
            "Arranges a rule by one of the four traffic strategies. It replaces the rule's\n"
            "weights and mirrors and the match rules that it made for that rule before; other\n"
            "rules stay, and those that still send elsewhere are named.",
        .examples = "  turnout route all green\n"
                    "  turnout route canary --stable blue --canary green --share 10%\n"
                    "  turnout route ab --stable blue --canary green --header X-Version=green\n"
                    "  turnout route shadow --stable blue --canary green --percent 25",
    };
    static const struct cli_subcommand subcommands[] = {
        {"all", "all traffic to one version", route_all},
        {"canary", "a share to the canary, the rest to the stable version", route_canary},
        {"ab", "who carries a header or cookie, or who is drawn by a key", cli_route_ab},
        {"shadow", "the stable version answers, the canary gets copies", route_shadow},
    };

    return cli_dispatch(context, &syntax, subcommands, sizeof(subcommands) / sizeof(subcommands[0]),
                        argc, argv);
}
