#include "lib/api/token.h"
#include "cli/args.h"
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct token_options {
    const char *name;
    const char *role;
    const char *out;
};

static const struct cli_option options[] = {
    {CLI_OPTION_TEXT, 0, "name", "NAME", "whose it is: what logs and history call him",
     offsetof(struct token_options, name)},
    {CLI_OPTION_TEXT, 0, "role", "ROLE", "read, or operate (which may change things, too)",
     offsetof(struct token_options, role)},
    {CLI_OPTION_TEXT, 0, "out", "FILE", "a new file for the token, mode 0600",
     offsetof(struct token_options, out)},
};

static const struct cli_syntax syntax = {
    .command = "turnout token",
    .usage = "--name NAME --role read|operate [--out FILE]",
    .about = "Makes a token for an admin interface on TCP. The line for its token_file goes to\n"
             "standard output, and holds the token's hash only. The token itself is shown once,\n"
             "on standard error, or written into a new file; nobody can find it out again.\n"
             "The running proxy takes the line at the next 'turnout reload'.",
    .examples = "  turnout token --name grafana --role read\n"
                "  turnout token --name ci --role operate --out ci.token >> turnout.tokens\n"
                "  turnout get --admin http://127.0.0.1:9091 --token-file ci.token",
};

/* The file must be new: whose token would be lost otherwise? */
static int write_token(const char *path, const char *token)
{
    size_t len = strlen(token);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, token, len) != (ssize_t)len || write(fd, "\n", 1) != 1)
        error = errno ? -errno : -EIO;
    if (close(fd) != 0 && !error)
        error = -errno;
    if (error)
        unlink(path);
    return error;
}

static int make(struct cli_context *context, const struct token_options *values,
                enum tn_api_role role)
{
    char token[TN_TOKEN_SIZE];
    char line[TN_TOKEN_LINE_SIZE];
    int error = tn_token_make(token);

    if (error) {
        fprintf(context->err, "turnout token: no random numbers: %s\n", strerror(-error));
        return CLI_FAILED;
    }
    if (values->out)
        error = write_token(values->out, token);
    if (error) {
        fprintf(context->err, "turnout token: %s: %s\n", values->out, strerror(-error));
        tn_token_forget(token, sizeof(token));
        return CLI_FAILED;
    }
    tn_token_line(values->name, role, token, line);
    fprintf(context->out, "%s\n", line);
    fflush(context->out);
    if (values->out)
        fprintf(context->err, "The token of %s is in %s.\n", values->name, values->out);
    else
        fprintf(context->err, "The token of %s, shown only now: %s\n", values->name, token);
    tn_token_forget(token, sizeof(token));
    return CLI_DONE;
}

int cli_token(struct cli_context *context, int argc, char **argv)
{
    struct token_options values = {0};
    struct cli_parse parse = {.context = context,
                              .syntax = &syntax,
                              .groups = {{options, sizeof(options) / sizeof(options[0]), &values}},
                              .group_count = 1};
    enum tn_api_role role = TN_API_READ;

    if (!cli_parse(&parse, argc, argv))
        return parse.exit_code;
    if (!values.name || !values.role)
        return cli_usage_error(&parse, "--%s is missing", values.name ? "role" : "name");
    if (!tn_token_is_name(tn_str_of(values.name)))
        return cli_usage_error(&parse, "--name: expected letters, digits and ._-, at most %d",
                               TN_TOKEN_NAME_MAX);
    if (!tn_token_parse_role(tn_str_of(values.role), &role))
        return cli_usage_error(&parse, "--role: expected read or operate, found '%s'", values.role);
    return make(context, &values, role);
}
