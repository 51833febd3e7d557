#include "cli/change.h"
#include "cli/file.h"
#include "cli/numbers.h"
#include "cli/text.h"

#include <stdlib.h>

static const struct cli_option_group no_options = {0};

static int set_weights(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout set weights",
        .usage = "VERSION=WEIGHT,... [options]",
        .about =
            "Gives a rule its whole vector of weights: a version that is not named gets none.\n"
            "A weight is relative, 0 to 1000000; a version's share is its weight divided by\n"
            "the sum of all.",
        .examples = "  turnout set weights blue=9,green=1\n"
                    "  turnout set weights blue=999,green=1 --reason 'one in a thousand'",
        .words_min = 1,
        .words_max = CLI_LIST_MAX,
        .words_name = "VERSION=WEIGHT",
        .has_rule = true,
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    json_t *weights = NULL;

    if (!cli_change_parse(&parse, &change, no_options, argc, argv))
        return parse.exit_code;
    char *why = cli_parse_weights(&parse.words, &weights);
    if (why)
        return cli_usage_refuse(&parse, why);
    return cli_change_send(&parse, &change, "PUT", "/v1/weights",
                           cli_need(json_pack("{s:o}", "weights", weights)));
}

static int set_share(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout set share",
        .usage = "VERSION=PERCENT,... [options]",
        .about = "Gives a version its share of a rule's traffic. The other versions keep their\n"
                 "proportions and share what is left. A share is written with its unit: 10%,\n"
                 "0.1%, 33.3333%.",
        .examples = "  turnout set share green=10%\n"
                    "  turnout set share green=0.1% --rule main --reason 'first users'",
        .words_min = 1,
        .words_max = CLI_LIST_MAX,
        .words_name = "VERSION=PERCENT",
        .has_rule = true,
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    json_t *shares = NULL;

    if (!cli_change_parse(&parse, &change, no_options, argc, argv))
        return parse.exit_code;
    char *why = cli_parse_shares(&parse.words, &shares);
    if (why)
        return cli_usage_refuse(&parse, why);
    return cli_change_send(&parse, &change, "PUT", "/v1/share",
                           cli_need(json_pack("{s:o}", "share", shares)));
}

static int set_mirror(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout set mirror",
        .usage = "VERSION=PERCENT|off [options]",
        .about = "Mirrors a part of a rule's requests to a version, whose answers are discarded;\n"
                 "off stops that. Who answers the users does not change.",
        .examples = "  turnout set mirror green=25%\n"
                    "  turnout set mirror green=off",
        .words_min = 1,
        .words_max = CLI_LIST_MAX,
        .words_name = "VERSION=PERCENT or VERSION=off",
        .has_rule = true,
    };
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    char *to = NULL;
    uint32_t ppm = 0;

    if (!cli_change_parse(&parse, &change, no_options, argc, argv))
        return parse.exit_code;
    char *why = cli_parse_mirror(&parse.words, &to, &ppm);
    if (why)
        return cli_usage_refuse(&parse, why);
    json_t *body = cli_need(json_pack("{s:s, s:I}", "to", to, "ppm", (json_int_t)ppm));
    free(to);
    return cli_change_send(&parse, &change, "PUT", "/v1/mirror", body);
}

struct rules_options {
    const char *file;
};

static int set_rules(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {CLI_OPTION_TEXT, 'f', "file", "FILE", "the rules, in YAML or JSON; - reads standard input",
         offsetof(struct rules_options, file)},
    };
    static const struct cli_syntax syntax = {
        .command = "turnout set rules",
        .usage = "-f FILE [options]",
        .about = "Replaces all rules by those of a file: a list, as below 'rules:' in the\n"
                 "configuration file and in 'turnout get -o yaml'. It is checked as a whole; one\n"
                 "mistake, and nothing changes.",
        .examples = "  turnout set rules -f rules.yaml --dry-run\n"
                    "  turnout set rules -f rules.yaml --if-revision 7",
    };
    struct rules_options values = {0};
    struct cli_change change = {0};
    struct cli_parse parse = {.context = context, .syntax = &syntax};
    struct tn_str text;
    char *why = NULL;

    if (!cli_change_parse(&parse, &change, (struct cli_option_group){options, 1, &values}, argc,
                          argv))
        return parse.exit_code;
    if (!values.file)
        return cli_usage_error(&parse, "-f FILE is missing");
    char *bytes = cli_read_file(values.file, &text, &why);
    if (!bytes) {
        fprintf(context->err, "%s: %s\n", syntax.command, why);
        free(why);
        return CLI_FAILED;
    }
    int code = cli_change_send_text(&parse, &change, "/v1/rules", "text/yaml", text, values.file);
    free(bytes);
    return code;
}

int cli_set(struct cli_context *context, int argc, char **argv)
{
    static const struct cli_syntax syntax = {
        .command = "turnout set",
        .usage = "weights|share|mirror|rules",
        .about = "Sets one thing of a rule and leaves the rest as it is. Prints the new revision\n"
                 "and what it changed.",
        .examples = "  turnout set share green=10%\n"
                    "  turnout set weights blue=999,green=1\n"
                    "  turnout set mirror green=25%\n"
                    "  turnout set rules -f rules.yaml",
    };
    static const struct cli_subcommand subcommands[] = {
        {"weights", "all weights of a rule: blue=999,green=1", set_weights},
        {"share", "the share of a version, the others are scaled: green=10%", set_share},
        {"mirror", "how much is mirrored to a version: green=25% or green=off", set_mirror},
        {"rules", "all rules, from a file", set_rules},
    };

    return cli_dispatch(context, &syntax, subcommands, sizeof(subcommands) / sizeof(subcommands[0]),
                        argc, argv);
}
