/*
 * args: options and words of a command line, and the help that is made of the same tables.
 *
 * Shapes: --flag, --name value, --name=value, -n value, -nvalue, flags of one letter together; "--"
 * ends options. Options and words may be mixed. A value is never empty. --help and -h are known to
 * every command. Errors: told on context->err with a suggestion; cli_parse is false then, and
 * exit_code says how the process ends (0 after help). Ownership: values are views of argv.
 * Threads: one.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "cli/cli.h"

#include <stddef.h>

#define CLI_LIST_MAX 32
#define CLI_GROUPS_MAX 4

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

enum cli_option_kind {
    CLI_OPTION_FLAG,  /* bool */
    CLI_OPTION_TEXT,  /* const char *, once */
    CLI_OPTION_LIST,  /* struct cli_list, may be repeated */
    CLI_OPTION_LATER, /* known, refused: "not yet supported"; not shown by help */
    CLI_OPTION_NEVER, /* of others like this one, refused here: help says why; not shown by help */
};

struct cli_option {
    enum cli_option_kind kind;
    char letter;       /* or 0 */
    const char *name;  /* without "--" */
    const char *value; /* as help shows it, NULL for flags */
    const char *help;
    size_t offset; /* in the group's target */
};

struct cli_option_group {
    const struct cli_option *options;
    size_t count;
    void *target;
};

struct cli_syntax {
    const char *command;  /* "turnout set share" */
    const char *usage;    /* what follows it */
    const char *about;    /* paragraphs, each line at most 80 characters */
    const char *examples; /* lines, indented by two */
    size_t words_min, words_max;
    const char *words_name; /* what is missing when there are too few: "VERSION" */
    bool has_rule;          /* of changes: takes --rule */
    bool is_for_good;       /* of changes: takes no --ttl */
};

struct cli_parse {
    struct cli_context *context;
    const struct cli_syntax *syntax;
    struct cli_option_group groups[CLI_GROUPS_MAX];
    size_t group_count;
    struct cli_list words;
    int exit_code;
};

bool cli_parse(struct cli_parse *parse, int argc, char **argv);

void cli_print_help(const struct cli_parse *parse, FILE *out);

/* "turnout set share: ...\nSee 'turnout set share --help'.\n". Returns CLI_WRONG_USAGE. */
int cli_usage_error(const struct cli_parse *parse, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with a message of numbers.h, which it frees. */
int cli_usage_refuse(const struct cli_parse *parse, char *why);

/* Commands within a command: `route canary`, `set share`. */
struct cli_subcommand {
    const char *name;
    const char *summary;
    cli_verb_fn *run;
};

/* Runs the one that argv[1] names. command: "turnout set"; about and examples are for its help. */
int cli_dispatch(struct cli_context *context, const struct cli_syntax *syntax,
                 const struct cli_subcommand *subcommands, size_t count, int argc, char **argv);

#endif
