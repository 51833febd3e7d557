#include "cli/route_ab.h"

#include "cli/change.h"
#include "cli/numbers.h"
#include "cli/text.h"

#include <string.h>

struct ab_options {
    const char *stable, *canary, *by, *split, *seed;
    struct cli_list headers, cookies;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 0, "stable", "VERSION", "the version of everybody else",
     offsetof(struct ab_options, stable)},
    {CLI_OPTION_TEXT, 0, "canary", "VERSION", "the version of those who carry it",
     offsetof(struct ab_options, canary)},
    {CLI_OPTION_LIST, 0, "header", "NAME=VALUE", "who sends this header; may be repeated (any of)",
     offsetof(struct ab_options, headers)},
    {CLI_OPTION_LIST, 0, "cookie", "NAME=VALUE", "who sends this cookie; may be repeated (any of)",
     offsetof(struct ab_options, cookies)},
    {CLI_OPTION_TEXT, 0, "by", "KEY", "draw groups by header:NAME, cookie:NAME or client_ip",
     offsetof(struct ab_options, by)},
    {CLI_OPTION_TEXT, 0, "split", "V=N,V=N", "how large the drawn groups are, relative numbers",
     offsetof(struct ab_options, split)},
    {CLI_OPTION_TEXT, 0, "seed", "TEXT",
     "another seed draws other groups (default: the rule's name)",
     offsetof(struct ab_options, seed)},
};

static const struct cli_syntax syntax = {
    .command = "turnout route ab",
    .usage = "--stable V --canary V --header NAME=VALUE [options]\n"
             "       turnout route ab --by KEY --split V=N,V=N [options]",
    .about = "A/B, in one of two ways. By what a request carries: those with the header or cookie\n"
             "get the canary, everybody else the stable version. Or drawn: the same key always\n"
             "gets the same version, and the groups are as large as --split says.",
    .examples = "  turnout route ab --stable blue --canary green --header X-Version=green\n"
                "  turnout route ab --stable blue --canary green --cookie beta=1\n"
                "  turnout route ab --by header:X-User --split blue=50,green=50 --seed spring",
    .has_rule = true,
};

/* List of {"name","value"}; NULL with a message. */
static json_t *fields_of(const char *option, const char *separators, const struct cli_list *list,
                         char **ret_why)
{
    json_t *fields = cli_need(json_array());

    for (size_t i = 0; i < list->count; i++) {
        json_t *field = NULL;

        *ret_why = cli_parse_field(option, separators, list->items[i], &field);
        if (*ret_why) {
            json_decref(fields);
            return NULL;
        }
        json_array_append_new(fields, field);
    }
    return fields;
}

static int carried(const struct cli_parse *parse, struct cli_change *change,
                   const struct ab_options *values)
{
    char *why = NULL;

    if (!values->stable)
        return cli_usage_error(parse, "--stable VERSION is missing");
    if (!values->canary)
        return cli_usage_error(parse, "--canary VERSION is missing");
    if (strcmp(values->stable, values->canary) == 0)
        return cli_usage_error(parse, "--stable and --canary both name '%s'", values->stable);
    if (values->split || values->seed)
        return cli_usage_error(parse, "--%s goes with --by, not with --header or --cookie",
                               values->split ? "split" : "seed");
    json_t *headers = fields_of("--header", "=:", &values->headers, &why);
    json_t *cookies = headers ? fields_of("--cookie", "=", &values->cookies, &why) : NULL;
    if (!cookies) {
        json_decref(headers);
        return cli_usage_refuse(parse, why);
    }
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:o, s:o}", "strategy", "ab", "stable", values->stable, "canary",
                  values->canary, "headers", headers, "cookies", cookies);
    return cli_change_send(parse, change, "POST", "/v1/route", cli_need(body));
}

static int drawn(const struct cli_parse *parse, struct cli_change *change,
                 const struct ab_options *values)
{
    json_t *split = NULL;

    if (values->headers.count > 0 || values->cookies.count > 0)
        return cli_usage_error(parse, "--by draws groups, --%s asks what is carried: give one",
                               values->headers.count > 0 ? "header" : "cookie");
    if (values->canary)
        return cli_usage_error(parse, "--canary goes with --header or --cookie; with --by, --split "
                                      "names the versions");
    if (!values->split)
        return cli_usage_error(parse, "--split is missing, for example --split blue=50,green=50");
    char *why = cli_parse_split(values->split, &split);
    if (why)
        return cli_usage_refuse(parse, why);
    json_t *body =
        cli_need(json_pack("{s:s, s:s, s:o}", "strategy", "ab", "by", values->by, "split", split));
    if (values->seed)
        json_object_set_new(body, "seed", cli_need(json_string(values->seed)));
    if (values->stable)
        json_object_set_new(body, "stable", cli_need(json_string(values->stable)));
    return cli_change_send(parse, change, "POST", "/v1/route", body);
}

int cli_route_ab(struct cli_context *context, int argc, char **argv)
{
    struct ab_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    const struct cli_option_group own = {options, sizeof(options) / sizeof(options[0]), &values};

    if (!cli_change_parse(&parse, &change, own, argc, argv))
        return parse.exit_code;
    if (values.by)
        return drawn(&parse, &change, &values);
    if (values.headers.count == 0 && values.cookies.count == 0)
        return cli_usage_error(&parse, "who gets the canary? Give --header NAME=VALUE, --cookie "
                                       "NAME=VALUE, or --by KEY --split V=N,V=N");
    return carried(&parse, &change, &values);
}
