#include "cli/update.h"

#include "cli/numbers.h"
#include "cli/table.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INTERVAL_NS 300000000L
#define RETRIES 100 /* of an engine that just restarts */

struct verb_values {
    struct cli_engine_admin admin;
    const char *reason, *author, *timeout;
    bool full, watch, json;
};

#define AT(member) offsetof(struct verb_values, member)

static const struct cli_option say_options[] = {
    {CLI_OPTION_TEXT, 0, "reason", "TEXT", "why, for the record", AT(reason)},
    {CLI_OPTION_TEXT, 0, "author", "NAME", "who (default: $USER)", AT(author)},
};

/* A problem that the engine still has with it: partly applied. */
static int print_answer(const struct cli_context *context, const char *command,
                        const json_t *answer)
{
    const char *problem = json_string_value(json_object_get(answer, "problem"));

    cli_print_update(context, answer);
    if (!problem)
        return CLI_DONE;
    fprintf(context->err, "%s: taken, and tried again until it works: %s\n", command, problem);
    return CLI_TIMED_OUT;
}

struct wish {
    const struct cli_syntax *syntax;
    const char *target;
    const struct cli_option *own; /* one, or NULL */
};

static int send_wish(struct cli_context *context, int argc, char **argv, const struct wish *wish)
{
    struct verb_values read = {0};
    struct verb_values *values = &read;
    struct cli_parse parse = {.context = context, .syntax = wish->syntax};
    const char *user = getenv("USER");
    json_t *answer = NULL;
    json_t *body;
    int code;

    parse.groups[parse.group_count++] = cli_engine_group(&values->admin);
    parse.groups[parse.group_count++] = (struct cli_option_group){say_options, 2, values};
    if (wish->own)
        parse.groups[parse.group_count++] = (struct cli_option_group){wish->own, 1, values};
    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    body = cli_need(json_object());
    if (values->author || (user && user[0]))
        json_object_set_new(body, "author",
                            cli_need(json_string(values->author ? values->author : user)));
    if (values->reason)
        json_object_set_new(body, "reason", cli_need(json_string(values->reason)));
    if (values->full)
        json_object_set_new(body, "full", json_true());
    cli_engine_start(&values->admin, &parse);
    code = cli_engine_call(&values->admin, "POST", wish->target, body, &answer);
    if (code == CLI_DONE)
        code = print_answer(context, wish->syntax->command, answer);
    json_decref(answer);
    return code;
}

int cli_update_pause(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update pause",
        .usage = "[options]",
        .about = "Stops the update where it is. Traffic and instances stay as they are; worse\n"
                 "still goes back by itself.",
        .examples = "  turnout update pause --reason 'lunch'",
    };

    return send_wish(context, argc, argv, &(struct wish){&syntax, "/v1/pause", NULL});
}

int cli_update_resume(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update resume",
        .usage = "[options]",
        .about = "Goes on after a pause, or after somebody else changed the rule.",
        .examples = "  turnout update resume",
    };

    return send_wish(context, argc, argv, &(struct wish){&syntax, "/v1/resume", NULL});
}

int cli_update_promote(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_FLAG, 0, "full", NULL, "for all steps that are left", AT(full)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout update promote",
        .usage = "[--full] [options]",
        .about = "A person says yes: whatever this step waits for (a time, requests, a verdict,\n"
                 "somebody) counts as there.",
        .examples = "  turnout update promote\n"
                    "  turnout update promote --full --reason 'looks good'",
    };

    return send_wish(context, argc, argv, &(struct wish){&syntax, "/v1/promote", options});
}

int cli_update_abort(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update abort",
        .usage = "[options]",
        .about = "Back to the starting build. When it returns no new user reaches the new build;\n"
                 "in place, instances are then replaced back one by one. What the new build\n"
                 "wrote stays written.",
        .examples = "  turnout update abort --reason 'errors at checkout'",
    };

    return send_wish(context, argc, argv, &(struct wish){&syntax, "/v1/abort", NULL});
}

int cli_update_retry(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update retry",
        .usage = "[options]",
        .about = "Tries again what is stuck: the deadline of the platform begins anew.",
        .examples = "  turnout update retry",
    };

    return send_wish(context, argc, argv, &(struct wish){&syntax, "/v1/retry", NULL});
}

int cli_update_undo(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update undo",
        .usage = "[options]",
        .about = "Updates to the build that was there before the last update, by the same way.",
        .examples = "  turnout update undo --reason 'complaints'",
    };

    return send_wish(context, argc, argv, &(struct wish){&syntax, "/v1/undo", NULL});
}

/* --- status ------------------------------------------------------------------------------------
 */

static uint64_t now_ns(const struct cli_context *context)
{
    return context->clock->monotonic_ns(context->clock->context);
}

enum ending { RUNS, NEEDS_PERSON, IS_DONE, IS_BACK };

static enum ending ending_of(const json_t *status)
{
    const json_t *update = json_object_get(status, "update");
    const char *course = json_string_value(json_object_get(update, "course"));

    if (!course || strcmp(course, "done") == 0)
        return IS_DONE;
    if (strcmp(course, "returned") == 0)
        return IS_BACK;
    return json_is_true(json_object_get(json_object_get(update, "wait"), "person")) ? NEEDS_PERSON
                                                                                    : RUNS;
}

static void show(const struct cli_engine_admin *admin, const json_t *status, bool is_live,
                 char **said)
{
    const char *sentence = json_string_value(json_object_get(status, "sentence"));

    if (is_live) {
        fputs("\033[H\033[J", admin->context->out);
        cli_print_update(admin->context, status);
        fflush(admin->context->out);
    } else if (!*said || strcmp(*said, sentence ? sentence : "") != 0) {
        free(*said);
        *said = cli_need(strdup(sentence ? sentence : ""));
        fprintf(admin->context->out, "%s\n", *said);
        fflush(admin->context->out);
    }
}

int cli_update_follow(struct cli_engine_admin *admin, bool is_live, uint64_t deadline_ns)
{
    const struct timespec interval = {.tv_nsec = INTERVAL_NS};
    char *said = NULL;
    unsigned missed = 0;
    int code = CLI_TIMED_OUT;

    for (;;) {
        json_t *status = NULL;
        char *why = NULL;
        int r = cli_engine_try(admin, "GET", "/v1/status", NULL, &status, &why);
        enum ending ending = r == CLI_DONE ? ending_of(status) : RUNS;

        missed = r == CLI_DONE ? 0 : missed + 1;
        if (r == CLI_DONE)
            show(admin, status, is_live, &said);
        json_decref(status);
        if (missed > RETRIES || r == CLI_WRONG_USAGE) {
            fprintf(admin->context->err, "%s: %s\n", admin->command, why);
            free(why);
            code = r;
            break;
        }
        free(why);
        if (ending == IS_DONE || ending == IS_BACK) {
            code = ending == IS_DONE ? CLI_DONE : CLI_FAILED;
            break;
        }
        if (deadline_ns && now_ns(admin->context) >= deadline_ns)
            break;
        nanosleep(&interval, NULL);
    }
    free(said);
    return code;
}

int cli_update_status(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_FLAG, 'w', "watch", NULL, "until it is over", AT(watch)},
        {CLI_OPTION_TEXT, 0, "timeout", "DURATION", "with -w: give up after it", AT(timeout)},
        {CLI_OPTION_FLAG, 0, "json", NULL, "as the engine says it", AT(json)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout update status",
        .usage = "[-w] [--timeout DURATION]",
        .about = "Where the update is and why it waits; the first line is one sentence for the\n"
                 "incident channel.\n"
                 "Exit code with -w: 0 done, 1 it went back, 4 not over at the end of the time.",
        .examples = "  turnout update status\n"
                    "  turnout update status -w --timeout 10m",
    };
    struct verb_values values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, 3, &values}, cli_engine_group(&values.admin)},
                              .group_count = 2};
    uint64_t ms = 0;
    json_t *status = NULL;
    int code;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    char *why = values.timeout ? cli_parse_duration("--timeout", values.timeout, &ms) : NULL;
    if (why)
        return cli_usage_refuse(&parse, why);
    cli_engine_start(&values.admin, &parse);
    if (values.watch)
        return cli_update_follow(&values.admin, context->is_terminal,
                                 values.timeout ? now_ns(context) + ms * 1000000 : 0);
    code = cli_engine_call(&values.admin, "GET", "/v1/status", NULL, &status);
    if (code == CLI_DONE && values.json)
        json_dumpf(status, context->out, JSON_INDENT(2));
    else if (code == CLI_DONE)
        cli_print_update(context, status);
    json_decref(status);
    return code;
}

int cli_update_list(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout update list",
        .usage = "",
        .about = "The updates that are over, the newest first.",
        .examples = "  turnout update list",
    };
    struct verb_values values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {cli_engine_group(&values.admin)},
                              .group_count = 1};
    json_t *answer = NULL;
    int code;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    cli_engine_start(&values.admin, &parse);
    code = cli_engine_call(&values.admin, "GET", "/v1/updates", NULL, &answer);
    if (code == CLI_DONE) {
        const json_t *ended = json_object_get(answer, "ended");

        for (size_t i = json_array_size(ended); i-- > 0;)
            fprintf(context->out, "%s\n",
                    json_string_value(json_object_get(json_array_get(ended, i), "text")));
    }
    json_decref(answer);
    return code;
}
