#include "engine/proxy.h"

#include "engine/platform.h"
#include "lib/api/json.h"
#include "lib/client/problem.h"

#include <errno.h>
#include <stdlib.h>

#define ATTEMPTS 3

void en_proxy_init(struct en_proxy *proxy, const struct en_config *config,
                   const struct tn_clock *clock)
{
    proxy->config = config;
    tn_client_init(&proxy->client, config->proxy, NULL, clock);
    proxy->client.timeout_ms = EN_PROXY_TIMEOUT_MS;
}

static int call(struct en_proxy *proxy, const struct tn_client_request *request, json_t **ret_json,
                char **ret_why)
{
    struct tn_client_answer answer = {0};
    bool no_memory = false;
    json_error_t error;
    int r = tn_client_call(&proxy->client, request, &answer);

    if (r < 0)
        return en_fail(ret_why, r, "the proxy at %s does not answer: %s", proxy->config->proxy,
                       proxy->client.protocol_error ? proxy->client.protocol_error : strerror(-r));
    if (answer.status < 200 || answer.status > 299) {
        char *text = tn_client_problem_text(&answer, NULL);

        r = answer.status == 412 ? -ESTALE : -EREMOTEIO;
        en_fail(ret_why, r, "the proxy refused: %s", text ? text : "out of memory");
        free(text);
    } else {
        *ret_json =
            tn_json_parse((struct tn_str){answer.body, answer.body_len}, &error, &no_memory);
        if (!*ret_json)
            r = en_fail(ret_why, no_memory ? -ENOMEM : -EPROTO, "the proxy's answer is no JSON: %s",
                        no_memory ? "out of memory" : error.text);
    }
    tn_client_answer_deinit(&answer);
    return r;
}

int en_proxy_get(struct en_proxy *proxy, const char *target, json_t **ret_json, char **ret_why)
{
    return call(proxy, &(struct tn_client_request){.method = "GET", .target = target}, ret_json,
                ret_why);
}

int en_proxy_put(struct en_proxy *proxy, const char *target, json_t *body, char **ret_why)
{
    char *text = body ? tn_json_text(body, JSON_COMPACT) : NULL;
    struct tn_client_request request = {.method = "PUT",
                                        .target = target,
                                        .content_type = "application/json",
                                        .body = tn_str_of(text)};
    json_t *answer = NULL;
    int r =
        text ? call(proxy, &request, &answer, ret_why) : en_fail(ret_why, -ENOMEM, "out of memory");

    json_decref(answer);
    json_decref(body);
    free(text);
    return r;
}

int en_proxy_change(struct en_proxy *proxy, const char *method, const char *target, json_t *body,
                    uint64_t *revision, char **ret_why)
{
    char *text = body ? tn_json_text(body, JSON_COMPACT) : NULL;
    struct tn_client_request request = {.method = method,
                                        .target = target,
                                        .content_type = "application/json",
                                        .body = tn_str_of(text),
                                        .if_revision = revision};
    json_t *answer = NULL;
    int r =
        text ? call(proxy, &request, &answer, ret_why) : en_fail(ret_why, -ENOMEM, "out of memory");

    if (r == 0)
        *revision = (uint64_t)json_integer_value(json_object_get(answer, "revision"));
    json_decref(answer);
    json_decref(body);
    free(text);
    return r;
}

static uint64_t revision_of(const json_t *answer)
{
    return (uint64_t)json_integer_value(json_object_get(answer, "revision"));
}

static int read_once(struct en_proxy *proxy, const char *rule, const char *goal,
                     struct en_proxy_view *view, char **ret_why)
{
    json_t *status = NULL;
    json_t *rules = NULL;
    json_t *share = NULL;
    int r = en_proxy_get(proxy, "/v1/rules", &rules, ret_why);

    if (r == 0)
        r = en_proxy_get(proxy, "/v1/share", &share, ret_why);
    if (r == 0)
        r = en_proxy_get(proxy, "/v1/status", &status, ret_why);
    if (r == 0 &&
        (revision_of(rules) != revision_of(status) || revision_of(share) != revision_of(status)))
        r = en_fail(ret_why, -ESTALE, "the rules change faster than they can be read");
    if (r == 0)
        r = en_proxy_read_status(proxy->config, status, view, ret_why);
    if (r == 0)
        r = en_proxy_read_rules(proxy->config, rules, rule, view, ret_why);
    if (r == 0)
        en_proxy_read_share(proxy->config, share, goal, view);
    json_decref(status);
    json_decref(rules);
    json_decref(share);
    return r;
}

int en_proxy_observe(struct en_proxy *proxy, const char *rule, const char *goal,
                     struct en_proxy_view *ret_view, char **ret_why)
{
    struct en_proxy_view view;
    int r = -ESTALE;

    for (int i = 0; i < ATTEMPTS && r == -ESTALE; i++) {
        view = (struct en_proxy_view){0};
        r = read_once(proxy, rule, goal, &view, ret_why);
    }
    if (r == 0)
        *ret_view = view;
    return r;
}
