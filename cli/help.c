#include "cli/args.h"

#include "cli/describe.h"
#include "lib/base/suggest.h"

#include <string.h>

#define HELP_COLUMN 28

static void print_option(const struct cli_option *option, FILE *out)
{
    char left[80];
    int len = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", option->letter ? '-' : ' ',
                       option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
                       option->name, option->value ? " " : "", option->value ? option->value : "");
    const char *text = option->help;
    int column = len;

    fputs(left, out);
    if (len > HELP_COLUMN - 2) {
        fputc('\n', out);
        column = 0;
    }
    for (;;) {
        size_t line = strcspn(text, "\n");

        fprintf(out, "%*s%.*s\n", HELP_COLUMN - column, "", (int)line, text);
        if (text[line] == '\0')
            break;
        text += line + 1;
        column = 0;
    }
}

static void print_options(const struct cli_parse *parse, FILE *out)
{
    static const struct cli_option help = {
        .kind = CLI_OPTION_FLAG, .letter = 'h', .name = "help", .help = "this text"};

    fputs("\nOptions\n", out);
    for (size_t g = 0; g < parse->group_count; g++) {
        for (size_t i = 0; i < parse->groups[g].count; i++) {
            if (parse->groups[g].options[i].kind < CLI_OPTION_LATER)
                print_option(&parse->groups[g].options[i], out);
        }
    }
    print_option(&help, out);
}

void cli_print_help(const struct cli_parse *parse, FILE *out)
{
    const struct cli_syntax *syntax = parse->syntax;

    fprintf(out, "Usage: %s%s%s\n\n%s\n", syntax->command, syntax->usage[0] ? " " : "",
            syntax->usage, syntax->about);
    print_options(parse, out);
    fprintf(out, "\nExamples\n%s\n", syntax->examples);
}

static void print_subcommands(const struct cli_syntax *syntax,
                              const struct cli_subcommand *subcommands, size_t count, FILE *out)
{
    int width = 9;

    for (size_t i = 0; i < count; i++)
        width = (int)strlen(subcommands[i].name) > width ? (int)strlen(subcommands[i].name) : width;
    fprintf(out, "Usage: %s %s\n\n%s\n\n", syntax->command, syntax->usage, syntax->about);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-*s  %s\n", width, subcommands[i].name, subcommands[i].summary);
    fprintf(out, "\nExamples\n%s\n\n'%s %s --help' shows the options of one of them.\n",
            syntax->examples, syntax->command, subcommands[0].name);
}

int cli_dispatch(struct cli_context *context, const struct cli_syntax *syntax,
                 const struct cli_subcommand *subcommands, size_t count, int argc, char **argv)
{
    struct cli_parse parse = {.context = context, .syntax = syntax};
    struct tn_suggestion nearest = {0};

    if (context->description)
        return cli_describe_group(&parse, subcommands, count);
    if (argc < 2)
        return cli_usage_error(&parse, "what? Expected %s", syntax->usage);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_subcommands(syntax, subcommands, count, context->out);
        return CLI_DONE;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(context, argc - 1, argv + 1);
        tn_suggest(&nearest, tn_str_of(argv[1]), subcommands[i].name);
    }
    if (nearest.word)
        return cli_usage_error(&parse, "unknown '%s' (did you mean '%s'?)", argv[1], nearest.word);
    return cli_usage_error(&parse, "unknown '%s': expected %s", argv[1], syntax->usage);
}
