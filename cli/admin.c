#include "cli/admin.h"

#include "cli/text.h"
#include "lib/client/events.h"
#include "lib/client/problem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cli_option admin_options[] = {
    {CLI_OPTION_TEXT, 0, "admin", "ADDR",
     "where the running proxy is: unix:PATH, or\nhttp://127.0.0.1:PORT (default:\n"
     "$TURNOUT_ADMIN, ./turnout.sock,\n/run/turnout/turnout.sock)",
     offsetof(struct cli_admin, address)},
    {CLI_OPTION_TEXT, 0, "token-file", "FILE",
     "holds the token for an address on TCP\n(default: $TURNOUT_TOKEN)",
     offsetof(struct cli_admin, token_file)},
    {CLI_OPTION_LATER, 'n', "namespace", NULL, NULL, 0},
    {CLI_OPTION_LATER, 0, "context", NULL, NULL, 0},
    {CLI_OPTION_LATER, 0, "kubeconfig", NULL, NULL, 0},
};

struct cli_option_group cli_admin_group(struct cli_admin *admin)
{
    return (struct cli_option_group){admin_options,
                                     sizeof(admin_options) / sizeof(admin_options[0]), admin};
}

/* One token, and at most blanks around it. */
static char *take_token(struct cli_admin *admin, struct tn_str text, const char *where)
{
    text = tn_str_trim(text);
    while (text.len > 0 && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    if (!tn_token_is_well_formed(text))
        return cli_format("%s holds no token: one is \"tt_\" and 43 letters, digits, _ or -",
                          where);
    memcpy(admin->token, text.ptr, text.len);
    admin->token[text.len] = '\0';
    admin->client.token = admin->token;
    return NULL;
}

static char *read_token(struct cli_admin *admin, const char *path)
{
    char buffer[4 * TN_TOKEN_SIZE];
    struct stat status;
    ssize_t len = -1;
    char *why = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return cli_format("%s: %s", path, strerror(errno));
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & (S_IROTH | S_IWOTH))
        why = cli_format("%s: has mode %04o: everybody can read the token; make it 0600, and take "
                         "another token",
                         path, (unsigned)status.st_mode & 07777);
    else
        len = read(fd, buffer, sizeof(buffer));
    if (!why && len < 0)
        why = cli_format("%s: %s", path, strerror(errno));
    close(fd);
    return why ? why : take_token(admin, (struct tn_str){buffer, (size_t)len}, path);
}

static void find_token(struct cli_admin *admin)
{
    const char *environment = getenv(TN_CLIENT_TOKEN_ENVIRONMENT);

    if (admin->token_file)
        admin->token_why = read_token(admin, admin->token_file);
    else if (environment && environment[0])
        admin->token_why =
            take_token(admin, tn_str_of(environment), "$" TN_CLIENT_TOKEN_ENVIRONMENT);
}

void cli_admin_start(struct cli_admin *admin, const struct cli_parse *parse)
{
    admin->context = parse->context;
    admin->command = parse->syntax->command;
    tn_client_init(&admin->client, admin->address, getenv(TN_CLIENT_ENVIRONMENT),
                   parse->context->clock);
    find_token(admin);
}

const char *cli_admin_place(const struct cli_admin *admin)
{
    return admin->client.places[admin->client.place].text;
}

static int failed_call(struct cli_admin *admin, bool is_change, int error, char **ret_why)
{
    char *text = cli_need(tn_client_error_text(&admin->client, error));

    if (error != -ETIMEDOUT) {
        *ret_why = text;
        return error == -EINVAL || error == -ENAMETOOLONG || error == -EADDRNOTAVAIL ||
                       error == -EPROTONOSUPPORT || error == -ENOKEY
                   ? CLI_WRONG_USAGE
                   : CLI_FAILED;
    }
    *ret_why = cli_format("%s%s", text,
                          is_change ? " The change may have been made: see 'turnout get'." : "");
    free(text);
    return CLI_TIMED_OUT;
}

static int take_answer(const struct tn_client_answer *answer, const char *file, json_t **ret_json,
                       char **ret_why)
{
    json_error_t error;

    if (answer->status < 200 || answer->status > 299) {
        *ret_why = cli_need(tn_client_problem_text(answer, file));
        return answer->status == 412 ? CLI_STALE : CLI_FAILED;
    }
    json_t *json = json_loadb(answer->body, answer->body_len, 0, &error);
    if (!json_is_object(json)) {
        json_decref(json);
        *ret_why = cli_format("the answer is not a JSON object: %s", error.text);
        return CLI_FAILED;
    }
    *ret_json = json;
    return CLI_DONE;
}

static int call(struct cli_admin *admin, const struct tn_client_request *request, const char *file,
                json_t **ret_json, char **ret_why)
{
    struct tn_client_answer answer = {0};
    int r = tn_client_call(&admin->client, request, &answer);

    admin->error = r;
    if (r == -ENOKEY && admin->token_why) {
        *ret_why = cli_need(strdup(admin->token_why));
        return CLI_FAILED;
    }
    if (r < 0)
        return failed_call(admin, strcmp(request->method, "GET") != 0, r, ret_why);
    r = take_answer(&answer, file, ret_json, ret_why);
    tn_client_answer_deinit(&answer);
    return r;
}

int cli_admin_call(struct cli_admin *admin, const struct tn_client_request *request,
                   const char *file, json_t **ret_json)
{
    char *why = NULL;
    int code = call(admin, request, file, ret_json, &why);

    if (code != CLI_DONE)
        fprintf(admin->context->err, "%s: %s\n", admin->command, why);
    free(why);
    return code;
}

int cli_admin_follow(struct cli_admin *admin, const char *last_id,
                     struct tn_client_events **ret_events, char **ret_why)
{
    struct tn_client_answer refusal = {0};
    int r = tn_client_events_open(&admin->client, last_id, &refusal, ret_events);

    admin->error = r;
    if (r < 0)
        return failed_call(admin, false, r, ret_why);
    if (*ret_events)
        return CLI_DONE;
    *ret_why = cli_need(tn_client_problem_text(&refusal, NULL));
    tn_client_answer_deinit(&refusal);
    return CLI_FAILED;
}

int cli_admin_read(struct cli_admin *admin, const char *target, json_t **ret_json)
{
    return cli_admin_call(admin, &(struct tn_client_request){.method = "GET", .target = target},
                          NULL, ret_json);
}

int cli_admin_try(struct cli_admin *admin, const char *target, json_t **ret_json, char **ret_why)
{
    return call(admin, &(struct tn_client_request){.method = "GET", .target = target}, NULL,
                ret_json, ret_why);
}
