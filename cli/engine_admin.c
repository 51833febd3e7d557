#include "cli/engine_admin.h"

#include "cli/text.h"
#include "lib/client/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000

static const struct cli_option engine_options[] = {
    {CLI_OPTION_TEXT, 0, "engine", "ADDR",
     "where the engine is: unix:PATH (default:\n$TURNOUT_ENGINE, ./engine.sock)",
     offsetof(struct cli_engine_admin, address)},
};

struct cli_option_group cli_engine_group(struct cli_engine_admin *admin)
{
    return (struct cli_option_group){engine_options, 1, admin};
}

void cli_engine_start(struct cli_engine_admin *admin, const struct cli_parse *parse)
{
    const char *environment = getenv(CLI_ENGINE_ENVIRONMENT);
    const char *place = admin->address                  ? admin->address
                        : environment && environment[0] ? environment
                                                        : "./engine.sock";

    admin->context = parse->context;
    admin->command = parse->syntax->command;
    tn_client_init(&admin->client, place, NULL, parse->context->clock);
    admin->client.timeout_ms = TIMEOUT_MS;
}

static int failed(struct cli_engine_admin *admin, int error, char **ret_why)
{
    const char *place = admin->client.places[0].text;

    if (error == -ENOENT || error == -ECONNREFUSED) {
        *ret_why = cli_format("no running engine at %s. Start one with 'turnout engine -c "
                              "engine.yaml', or say where it is with --engine unix:PATH.",
                              place);
        return CLI_FAILED;
    }
    *ret_why = cli_need(tn_client_error_text(&admin->client, error));
    if (error == -EINVAL || error == -ENAMETOOLONG)
        return CLI_WRONG_USAGE;
    return error == -ETIMEDOUT ? CLI_TIMED_OUT : CLI_FAILED;
}

int cli_engine_try(struct cli_engine_admin *admin, const char *method, const char *target,
                   json_t *body, json_t **ret_json, char **ret_why)
{
    char *text = body ? cli_need(json_dumps(body, JSON_COMPACT)) : NULL;
    struct tn_client_request request = {.method = method,
                                        .target = target,
                                        .content_type = text ? "application/json" : NULL,
                                        .body = tn_str_of(text)};
    struct tn_client_answer answer = {0};
    json_error_t error;
    int code = CLI_DONE;
    int r = tn_client_call(&admin->client, &request, &answer);

    if (r < 0) {
        code = failed(admin, r, ret_why);
    } else if (answer.status < 200 || answer.status > 299) {
        *ret_why = cli_need(tn_client_problem_text(&answer, NULL));
        code = CLI_FAILED;
    } else {
        *ret_json = json_loadb(answer.body, answer.body_len, 0, &error);
        if (!*ret_json) {
            *ret_why = cli_format("the answer is no JSON: %s", error.text);
            code = CLI_FAILED;
        }
    }
    tn_client_answer_deinit(&answer);
    json_decref(body);
    free(text);
    return code;
}

int cli_engine_call(struct cli_engine_admin *admin, const char *method, const char *target,
                    json_t *body, json_t **ret_json)
{
    char *why = NULL;
    int code = cli_engine_try(admin, method, target, body, ret_json, &why);

    if (code != CLI_DONE)
        fprintf(admin->context->err, "%s: %s\n", admin->command, why);
    free(why);
    return code;
}
