#include "cli/complete.h"
#include "cli/describe.h"

#include "lib/base/suggest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_verb look[] = {
    {"get", "rules, shares asked for and got, mirrors, health", cli_get},
    {"status", "wait until every wanted version has a healthy endpoint", cli_status},
    {"explain", "which version a request would get, and why", cli_explain},
    {"history", "the last revisions: when, what, who and why", cli_history},
    {"mirror", "what became of mirrored requests, and where answers differ", cli_mirror},
};

static const struct cli_verb change[] = {
    {"route", "arrange a rule: all, canary, ab, shadow", cli_route},
    {"set", "weights, share, mirror or all rules", cli_set},
    {"promote", "a version becomes stable, with all traffic", cli_promote},
    {"abort", "every rule back to its stable version, at once", cli_abort},
    {"drain", "no new users to a version or endpoint; later nobody", cli_drain},
    {"cut", "nobody to a version or endpoint, at once", cli_cut},
    {"undrain", "a version or endpoint back to work", cli_undrain},
    {"undo", "back to the revision before, or to any that is kept", cli_undo},
};

static const struct cli_verb updates[] = {
    {"update", "from one build to the next: rolling, canary, blue-green ...", cli_update},
};

static const struct cli_verb run[] = {
    {"serve", "the proxy, in the foreground", cli_serve},
    {"engine", "the update engine, in the foreground", cli_engine},
    {"check", "a configuration file, without starting anything", cli_check},
    {"reload", "let the running proxy read its file again", cli_reload},
    {"token", "a token for an admin interface on TCP", cli_token},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct cli_section sections[] = {
    {"Look", look, COUNT_OF(look)},
    {"Change", change, COUNT_OF(change)},
    {"Update", updates, COUNT_OF(updates)},
    {"Run", run, COUNT_OF(run)},
};

/* Verbs of the design that a later version brings. */
static const char *const later[] = {"page"};

static void print_help(FILE *out)
{
    fputs("turnout moves traffic between two versions of a service.\n\n"
          "Usage: turnout VERB [options]\n",
          out);
    for (size_t s = 0; s < COUNT_OF(sections); s++) {
        fprintf(out, "\n%s\n", sections[s].title);
        for (size_t v = 0; v < sections[s].count; v++)
            fprintf(out, "  %-9s %s\n", sections[s].verbs[v].name, sections[s].verbs[v].summary);
    }
    fputs("\nNot in this version:", out);
    for (size_t i = 0; i < COUNT_OF(later); i++)
        fprintf(out, "%s %s", i == 0 ? "" : ",", later[i]);
    fputs(
        "\n\nExamples\n"
        "  turnout serve -c turnout.yaml &\n"
        "  turnout route canary --stable blue --canary green --share 5% --ttl 30m \\\n"
        "      --reason 'try build 2'     5% of the users to green, for 30 minutes\n"
        "  turnout get -w                 watch it: shares, errors, latency, time to revert\n"
        "  turnout abort                  take it back now, or 'turnout undo'\n"
        "  turnout history                who did what, when and why\n\n"
        "'turnout VERB --help' shows the options of a verb and examples. The running proxy is\n"
        "looked for at --admin ADDR, $TURNOUT_ADMIN, ./turnout.sock, /run/turnout/turnout.sock.\n",
        out);
    cli_print_exits(out);
}

static const struct cli_verb *find_verb(const char *name, struct tn_suggestion *suggestion)
{
    for (size_t s = 0; s < COUNT_OF(sections); s++) {
        for (size_t v = 0; v < sections[s].count; v++) {
            if (strcmp(sections[s].verbs[v].name, name) == 0)
                return &sections[s].verbs[v];
            tn_suggest(suggestion, tn_str_of(name), sections[s].verbs[v].name);
        }
    }
    return NULL;
}

static int no_such_verb(struct cli_context *context, const char *name,
                        const struct tn_suggestion *suggestion)
{
    for (size_t i = 0; i < COUNT_OF(later); i++) {
        if (strcmp(later[i], name) != 0)
            continue;
        fprintf(context->err, "turnout: '%s' is not yet supported\n", name);
        return CLI_FAILED;
    }
    fprintf(context->err, "turnout: unknown %s '%s'", name[0] == '-' ? "option" : "verb", name);
    if (suggestion->word)
        fprintf(context->err, " (did you mean '%s'?)", suggestion->word);
    fputs("\nSee 'turnout --help'.\n", context->err);
    return CLI_WRONG_USAGE;
}

static int run_verb(struct cli_context *context, int argc, char **argv)
{
    struct tn_suggestion suggestion = {0};
    const struct cli_verb *verb = find_verb(argv[0], &suggestion);

    return verb ? verb->run(context, argc, argv) : no_such_verb(context, argv[0], &suggestion);
}

/* `turnout help route` is `turnout route --help`. */
static int help(struct cli_context *context, int argc, char **argv)
{
    static char option[] = "--help";

    if (argc < 2) {
        print_help(context->out);
        return CLI_DONE;
    }
    char *arguments[] = {argv[1], argc > 2 ? argv[2] : option, argc > 2 ? option : NULL, NULL};
    return run_verb(context, argc > 2 ? 3 : 2, arguments);
}

static int dispatch(struct cli_context *context, int argc, char **argv)
{
    if (argc < 1) {
        print_help(context->err);
        return CLI_WRONG_USAGE;
    }
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 ||
        strcmp(argv[0], "help") == 0)
        return help(context, argc, argv);
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) {
        fputs("turnout " TURNOUT_VERSION "\n", context->out);
        return CLI_DONE;
    }
    /* For what is generated from the tables: man pages and completion. */
    if (strcmp(argv[0], "--describe") == 0)
        return cli_describe(context, sections, COUNT_OF(sections), TURNOUT_VERSION);
    if (strcmp(argv[0], "--complete") == 0)
        return cli_complete(context, argc, argv);
    return run_verb(context, argc, argv);
}

int main(int argc, char **argv)
{
    const char *no_color = getenv("NO_COLOR");
    bool is_terminal = isatty(STDOUT_FILENO) == 1;
    struct cli_context context = {
        .out = stdout,
        .err = stderr,
        .is_terminal = is_terminal,
        .colour = is_terminal && !(no_color && no_color[0]),
        .clock = &tn_clock_system,
    };
    int code = dispatch(&context, argc - 1, argv + 1);

    /* A full disk or a closed pipe must not pass for success. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "turnout: the output could not be written: %s\n", strerror(errno));
        code = code == CLI_DONE ? CLI_FAILED : code;
    }
    return code;
}
