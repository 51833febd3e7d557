#include "cli/args.h"

#include "cli/describe.h"
#include "lib/base/suggest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int cli_usage_error(const struct cli_parse *parse, const char *format, ...)
{
    FILE *err = parse->context->err;
    va_list args;

    fprintf(err, "%s: ", parse->syntax->command);
    va_start(args, format);
    vfprintf(err, format, args);
    va_end(args);
    fprintf(err, "\nSee '%s --help'.\n", parse->syntax->command);
    return CLI_WRONG_USAGE;
}

int cli_usage_refuse(const struct cli_parse *parse, char *why)
{
    int code = cli_usage_error(parse, "%s", why);

    free(why);
    return code;
}

static const struct cli_option *find_option(const struct cli_parse *parse, struct tn_str name,
                                            char letter, void **ret_target)
{
    for (size_t g = 0; g < parse->group_count; g++) {
        const struct cli_option_group *group = &parse->groups[g];

        for (size_t i = 0; i < group->count; i++) {
            const struct cli_option *option = &group->options[i];

            if (letter ? option->letter == letter : tn_str_equal(tn_str_of(option->name), name)) {
                *ret_target = (char *)group->target + option->offset;
                return option;
            }
        }
    }
    return NULL;
}

static int unknown_option(const struct cli_parse *parse, struct tn_str name)
{
    struct tn_suggestion nearest = {0};

    for (size_t g = 0; g < parse->group_count; g++) {
        for (size_t i = 0; i < parse->groups[g].count; i++) {
            if (parse->groups[g].options[i].kind < CLI_OPTION_LATER)
                tn_suggest(&nearest, name, parse->groups[g].options[i].name);
        }
    }
    tn_suggest(&nearest, name, "help");
    if (nearest.word)
        return cli_usage_error(parse, "unknown option '--%.*s' (did you mean '--%s'?)",
                               TN_STR_ARGS(name), nearest.word);
    return cli_usage_error(parse, "unknown option '--%.*s'", TN_STR_ARGS(name));
}

/* 0, or the exit code. */
static int store(const struct cli_parse *parse, const struct cli_option *option, void *target,
                 const char *value)
{
    if (option->kind != CLI_OPTION_FLAG && value[0] == '\0')
        return cli_usage_error(parse, "--%s is empty: expected %s", option->name, option->value);
    if (option->kind == CLI_OPTION_FLAG) {
        *(bool *)target = true;
    } else if (option->kind == CLI_OPTION_TEXT) {
        const char **text = target;

        if (*text)
            return cli_usage_error(parse, "--%s is given twice: '%s' and '%s'", option->name, *text,
                                   value);
        *text = value;
    } else {
        struct cli_list *list = target;

        if (list->count == CLI_LIST_MAX)
            return cli_usage_error(parse, "--%s is given more than %d times", option->name,
                                   CLI_LIST_MAX);
        list->items[list->count++] = value;
    }
    return 0;
}

static int refuse_later(const struct cli_parse *parse, const struct cli_option *option)
{
    fprintf(parse->context->err, "%s: --%s is not yet supported\n", parse->syntax->command,
            option->name);
    return CLI_FAILED;
}

struct cursor {
    int at, argc;
    char **argv;
};

/* inline_value: what followed '=' or the letter, or NULL. */
static int take_option(const struct cli_parse *parse, const struct cli_option *option, void *target,
                       const char *inline_value, struct cursor *cursor)
{
    if (option->kind == CLI_OPTION_LATER)
        return refuse_later(parse, option);
    if (option->kind == CLI_OPTION_NEVER)
        return cli_usage_error(parse, "--%s: %s", option->name, option->help);
    if (option->kind == CLI_OPTION_FLAG)
        return store(parse, option, target, NULL);
    if (inline_value)
        return store(parse, option, target, inline_value);

    const char *next = cursor->at + 1 < cursor->argc ? cursor->argv[cursor->at + 1] : NULL;
    /* "--reason --dry-run" is a forgotten reason, not a reason of that name. */
    if (!next || strncmp(next, "--", 2) == 0)
        return cli_usage_error(parse, "--%s needs a value: --%s %s", option->name, option->name,
                               option->value);
    cursor->at++;
    return store(parse, option, target, next);
}

static int take_long(const struct cli_parse *parse, struct cursor *cursor)
{
    const char *text = cursor->argv[cursor->at] + 2;
    const char *equals = strchr(text, '=');
    struct tn_str name = {text, equals ? (size_t)(equals - text) : strlen(text)};
    void *target;
    const struct cli_option *option = find_option(parse, name, 0, &target);

    if (!option)
        return unknown_option(parse, name);
    if (equals && option->kind == CLI_OPTION_FLAG)
        return cli_usage_error(parse, "--%s takes no value", option->name);
    return take_option(parse, option, target, equals ? equals + 1 : NULL, cursor);
}

static int take_letters(const struct cli_parse *parse, struct cursor *cursor)
{
    const char *letters = cursor->argv[cursor->at] + 1;

    for (; *letters; letters++) {
        void *target;
        const struct cli_option *option = find_option(parse, TN_STR(""), *letters, &target);

        if (!option)
            return cli_usage_error(parse, "unknown option '-%c'", *letters);
        if (option->kind == CLI_OPTION_TEXT || option->kind == CLI_OPTION_LIST)
            return take_option(parse, option, target, letters[1] ? letters + 1 : NULL, cursor);
        int r = take_option(parse, option, target, NULL, cursor);
        if (r != 0)
            return r;
    }
    return 0;
}

static int take_word(struct cli_parse *parse, const char *word)
{
    if (parse->words.count == parse->syntax->words_max || parse->words.count == CLI_LIST_MAX)
        return cli_usage_error(parse, "unexpected argument '%s'", word);
    parse->words.items[parse->words.count++] = word;
    return 0;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

bool cli_parse(struct cli_parse *parse, int argc, char **argv)
{
    struct cursor cursor = {.at = 1, .argc = argc, .argv = argv};
    bool only_words = false;

    if (parse->context->description) {
        cli_describe_command(parse);
        parse->exit_code = CLI_DONE;
        return false;
    }
    /* Help wins over any mistake on the line: whoever asks is unsure. */
    if (wants_help(argc, argv)) {
        cli_print_help(parse, parse->context->out);
        parse->exit_code = CLI_DONE;
        return false;
    }
    for (; cursor.at < argc; cursor.at++) {
        const char *text = argv[cursor.at];
        int r;

        if (!only_words && strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        }
        if (only_words || text[0] != '-' || text[1] == '\0')
            r = take_word(parse, text);
        else if (text[1] == '-')
            r = take_long(parse, &cursor);
        else
            r = take_letters(parse, &cursor);
        if (r != 0) {
            parse->exit_code = r;
            return false;
        }
    }
    if (parse->words.count < parse->syntax->words_min) {
        parse->exit_code = cli_usage_error(parse, "%s is missing", parse->syntax->words_name);
        return false;
    }
    return true;
}
