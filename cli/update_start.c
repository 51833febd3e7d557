#include "cli/update_values.h"

#include "cli/numbers.h"
#include "cli/text.h"

#include <stdlib.h>

#define AT(member) offsetof(struct cli_update_values, member)

static const struct cli_option common[] = {
    {CLI_OPTION_TEXT, 0, "to", "BUILD", "the build to update to", AT(to)},
    {CLI_OPTION_TEXT, 0, "reason", "TEXT", "why, for the record", AT(reason)},
    {CLI_OPTION_TEXT, 0, "author", "NAME", "who (default: $USER)", AT(author)},
    {CLI_OPTION_FLAG, 0, "dry-run", NULL, "say what would happen, change nothing", AT(dry_run)},
    {CLI_OPTION_FLAG, 'w', "wait", NULL, "stay until it is over", AT(wait)},
    {CLI_OPTION_TEXT, 0, "timeout", "DURATION", "with --wait: give up waiting after it",
     AT(timeout)},
    {CLI_OPTION_TEXT, 0, "progress", "DURATION",
     "no progress of the platform for so long:\ngo back (default: 10m)", AT(progress)},
    {CLI_OPTION_TEXT, 0, "drain", "DURATION", "what is open gets so long to end (default: 10s)",
     AT(drain)},
    {CLI_OPTION_TEXT, 0, "min-ready", "DURATION", "ready for so long counts as ready",
     AT(min_ready)},
    {CLI_OPTION_TEXT, 0, "engine", "ADDR",
     "where the engine is: unix:PATH (default:\n$TURNOUT_ENGINE, ./engine.sock)",
     AT(admin.address)},
};

static const struct cli_option amounts[] = {
    {CLI_OPTION_TEXT, 0, "max-surge", "N", "instances above the number: 1, 25% (default: 0)",
     AT(surge)},
    {CLI_OPTION_TEXT, 0, "max-unavailable", "N", "instances that may be missing: 1, 25%",
     AT(unavailable)},
    {CLI_OPTION_FLAG, 0, "across", NULL, "by way of the idle version", AT(across)},
};

static const struct cli_option data[] = {
    {CLI_OPTION_FLAG, 0, "accept-separate-disks", NULL, "although users who move meet other data",
     AT(separate_disks)},
    {CLI_OPTION_FLAG, 0, "accept-shadow-data", NULL, "although mirrored requests wrote there",
     AT(shadow_data)},
    {CLI_OPTION_FLAG, 0, "reset-disks", NULL, "the idle version begins with empty disks",
     AT(reset_disks)},
    {CLI_OPTION_TEXT, 0, "keep", "DURATION",
     "the old build stays for so long after the switch:\nback is one switch", AT(keep)},
};

static const struct cli_option evidence[] = {
    {CLI_OPTION_TEXT, 0, "for", "DURATION", "how long each step lasts at least", AT(for_time)},
    {CLI_OPTION_TEXT, 0, "after-requests", "N", "answers of the new build at each step",
     AT(requests)},
    {CLI_OPTION_FLAG, 0, "verdict", NULL, "and a verdict: better or same", AT(verdict)},
    {CLI_OPTION_TEXT, 0, "decide-within", "DURATION", "a step that is undecided for so long...",
     AT(decide_within)},
    {CLI_OPTION_TEXT, 0, "on-undecided", "hold|abort", "...waits for a person (default), or back",
     AT(on_undecided)},
    {CLI_OPTION_TEXT, 0, "max-error-rate", "PERCENT", "back above it", AT(error_rate)},
    {CLI_OPTION_TEXT, 0, "max-p99", "DURATION", "back above it", AT(p99)},
    {CLI_OPTION_TEXT, 0, "min-requests", "N", "limits count from so many answers on (50)",
     AT(least)},
};

static const struct cli_option own_blue_green[] = {
    {CLI_OPTION_LIST, 0, "header", "NAME=VALUE", "testers carry it and see the new build before",
     AT(headers)},
    {CLI_OPTION_LIST, 0, "cookie", "NAME=VALUE", "the same by a cookie", AT(cookies)},
    {CLI_OPTION_TEXT, 0, "test", "URL", "must answer 200 to 202 before the switch", AT(test)},
    {CLI_OPTION_FLAG, 0, "approve", NULL, "a person promotes before the switch", AT(approve)},
};

static const struct cli_option own_canary[] = {
    {CLI_OPTION_TEXT, 0, "steps", "LIST", "shares in percent (default: 1,10,50,100)", AT(steps)},
    {CLI_OPTION_FLAG, 0, "per-request", NULL, "deal each request anew, not each user",
     AT(per_request)},
};

static const struct cli_option own_ab[] = {
    {CLI_OPTION_LIST, 0, "header", "NAME=VALUE", "who carries it sees the new build", AT(headers)},
    {CLI_OPTION_LIST, 0, "cookie", "NAME=VALUE", "the same by a cookie", AT(cookies)},
    {CLI_OPTION_TEXT, 0, "by", "KEY", "or users are drawn by cookie, header:NAME, client_ip",
     AT(by)},
    {CLI_OPTION_TEXT, 0, "split", "PERCENT", "with --by: how many (default: 50%)", AT(split)},
    {CLI_OPTION_TEXT, 0, "metric", "GOAL", "a goal of the rule that decides", AT(metric)},
};

static const struct cli_option own_shadow[] = {
    {CLI_OPTION_TEXT, 0, "percent", "PERCENT", "how many of the requests are mirrored (100)",
     AT(percent)},
};

enum { AMOUNTS = 1, DATA = 2, EVIDENCE = 4 };

#define OPTIONS(table) (table), sizeof(table) / sizeof((table)[0])

static const struct spec {
    const char *name, *summary, *about, *more; /* more: in the example */
    unsigned groups;
    const struct cli_option *own;
    size_t own_count;
} specs[] = {
    {"rolling", "one instance after the other, in place",
     "Replaces the serving version's instances one by one, each drained first, each with its\n"
     "own disk. With --max-surge, or --across, by way of the idle version.",
     " --max-unavailable 1", AMOUNTS | DATA, NULL, 0},
    {"ramped", "never fewer ready than now, a few more meanwhile",
     "Instances and shares move to the idle version together; at least as many as now are\n"
     "ready at any moment, and at most --max-surge (1) more there.",
     " --max-surge 1", AMOUNTS | DATA, NULL, 0},
    {"best-effort", "never more instances than now, a few fewer meanwhile",
     "Replaces in place, at most --max-unavailable (1) at a time.", " --max-unavailable 50%",
     AMOUNTS | DATA, NULL, 0},
    {"recreate", "all stop, then all start: with an announced gap",
     "Two builds never serve at the same time. In between requests are answered 503 with\n"
     "Retry-After.",
     "", AMOUNTS | DATA, NULL, 0},
    {"blue-green", "the idle version gets the build, then one switch",
     "No request is split. The old build is kept for --keep (10m): back is one switch.",
     " --approve", DATA, OPTIONS(own_blue_green)},
    {"canary", "a growing share, with a verdict at each step",
     "Each step waits for --for and --after-requests if given, else for a verdict. Users stay\n"
     "with their version unless --per-request.",
     " --steps 1,10,50,100 --for 5m", DATA | EVIDENCE, OPTIONS(own_canary)},
    {"ab", "those who match or are drawn see the new build",
     "A person promotes, whatever the figures say.", " --header X-Version=green", DATA | EVIDENCE,
     OPTIONS(own_ab)},
    {"shadow", "a mirrored share, compared; nobody sees the new build", "A person promotes.",
     " --percent 25", DATA | EVIDENCE, OPTIONS(own_shadow)},
};

#define COUNT (sizeof(specs) / sizeof(specs[0]))

/* --- the verb ----------------------------------------------------------------------------------
 */

static int print_plan(const struct cli_context *context, const json_t *answer)
{
    const char *text = json_string_value(json_object_get(answer, "text"));

    fputs(text ? text : "", context->out);
    return CLI_DONE;
}

static int send_start(struct cli_parse *parse, struct cli_update_values *values, bool is_plan,
                      json_t *body)
{
    json_t *answer = NULL;
    uint64_t timeout_ms = 0;
    char *why =
        values->timeout ? cli_parse_duration("--timeout", values->timeout, &timeout_ms) : NULL;
    int code;

    if (why) {
        json_decref(body);
        return cli_usage_refuse(parse, why);
    }
    cli_engine_start(&values->admin, parse);
    code = cli_engine_call(&values->admin, "POST",
                           is_plan || values->dry_run ? "/v1/plan" : "/v1/updates", body, &answer);
    if (code == CLI_DONE && (is_plan || values->dry_run))
        code = print_plan(parse->context, answer);
    else if (code == CLI_DONE && !values->wait)
        cli_print_update(parse->context, answer);
    else if (code == CLI_DONE)
        code = cli_update_follow(
            &values->admin, parse->context->is_terminal,
            timeout_ms ? parse->context->clock->monotonic_ns(parse->context->clock->context) +
                             timeout_ms * 1000000
                       : 0);
    json_decref(answer);
    return code;
}

static void add_group(struct cli_parse *parse, const struct cli_option *options, size_t count,
                      struct cli_update_values *values)
{
    if (count > 0)
        parse->groups[parse->group_count++] = (struct cli_option_group){options, count, values};
}

static int run(const struct spec *spec, bool is_plan, struct cli_context *context, int argc,
               char **argv)
{
    char *command = cli_format("turnout update %s%s", is_plan ? "plan " : "", spec->name);
    char *examples = cli_format("  %s --to 2%s", command, spec->more);
    const struct cli_syntax syntax = {.command = command,
                                      .usage = "--to BUILD [options]",
                                      .about = spec->about,
                                      .examples = examples};
    struct cli_update_values values = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    json_t *body = cli_need(json_pack("{s:s}", "strategy", spec->name));
    char *why = NULL;
    int code;

    add_group(&parse, OPTIONS(common), &values);
    add_group(&parse, spec->own, spec->own_count, &values);
    if (spec->groups & AMOUNTS)
        add_group(&parse, OPTIONS(amounts), &values);
    if (spec->groups & DATA)
        add_group(&parse, OPTIONS(data), &values);
    if (spec->groups & EVIDENCE)
        add_group(&parse, OPTIONS(evidence), &values);
    if (!cli_parse(&parse, argc, argv)) {
        code = parse.exit_code;
    } else if (!values.to) {
        code = cli_usage_error(&parse, "--to BUILD is missing");
    } else {
        why = cli_update_body(body, &values);
        code = why ? cli_usage_refuse(&parse, why)
                   : send_start(&parse, &values, is_plan, json_incref(body));
    }
    json_decref(body);
    free(examples);
    free(command);
    return code;
}

#define VERB(number, name)                                                                         \
    static int start_##name(struct cli_context *context, int argc, char **argv)                    \
    {                                                                                              \
        return run(&specs[number], false, context, argc, argv);                                    \
    }                                                                                              \
    static int plan_##name(struct cli_context *context, int argc, char **argv)                     \
    {                                                                                              \
        return run(&specs[number], true, context, argc, argv);                                     \
    }

VERB(0, rolling)
VERB(1, ramped)
VERB(2, best_effort)
VERB(3, recreate)
VERB(4, blue_green)
VERB(5, canary)
VERB(6, ab)
VERB(7, shadow)

const struct cli_subcommand cli_update_strategies[] = {
    {"rolling", "one instance after the other, in place", start_rolling},
    {"ramped", "never fewer ready than now, a few more meanwhile", start_ramped},
    {"best-effort", "never more instances than now, a few fewer meanwhile", start_best_effort},
    {"recreate", "all stop, then all start: with an announced gap", start_recreate},
    {"blue-green", "the idle version gets the build, then one switch", start_blue_green},
    {"canary", "a growing share, with a verdict at each step", start_canary},
    {"ab", "those who match or are drawn see the new build", start_ab},
    {"shadow", "a mirrored share, compared; nobody sees the new build", start_shadow},
};
const size_t cli_update_strategy_count = COUNT;

int cli_update_plan(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update plan",
        .usage = "STRATEGY --to BUILD [options]",
        .about = "Says what an update would do, step by step, and what it means for the data.",
        .examples = "  turnout update plan canary --to 2",
    };
    static cli_verb_fn *const plans[COUNT] = {plan_rolling,  plan_ramped,     plan_best_effort,
                                              plan_recreate, plan_blue_green, plan_canary,
                                              plan_ab,       plan_shadow};
    struct cli_subcommand all[COUNT];

    for (size_t i = 0; i < COUNT; i++)
        all[i] = (struct cli_subcommand){specs[i].name, specs[i].summary, plans[i]};
    return cli_dispatch(context, &syntax, all, COUNT, argc, argv);
}
