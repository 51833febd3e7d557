#include "proxy/admin/resources.h"

#include "lib/api/query.h"
#include "lib/http/parser.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_MAX 60000

/* A request as it would arrive, so that explain decides about what a request would be. */
struct question {
    struct tn_api_call *call;
    char method[32];
    char *path;
    char *fields; /* whole lines */
    size_t fields_len;
    char *cookies;
    size_t cookies_len;
    bool has_host;
    struct sockaddr_storage client;
    struct tn_http_head *head;
    char *text;
};

static void deinit(struct question *question)
{
    free(question->path);
    free(question->fields);
    free(question->cookies);
    free(question->head);
    free(question->text);
}

static int refuse(struct question *question, const char *text)
{
    tn_api_problem(question->call, 422, "%s", text);
    return -EINVAL;
}

static int no_memory(struct question *question)
{
    tn_api_problem(question->call, 503, "out of memory");
    return -ENOMEM;
}

/* Bytes that would end a line or the request would make another request of it. */
static bool is_one_line(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 && *text != '\t')
            return false;
    }
    return true;
}

static int append(struct question *question, char **target, size_t *len, const char *suffix,
                  const char *value)
{
    size_t room = strlen(suffix) + strlen(value) + 1;
    char *grown;

    if (*len + room > HEAD_MAX)
        return refuse(question, "the request is too large");
    grown = realloc(*target, *len + room);
    if (!grown)
        return no_memory(question);
    *target = grown;
    *len += (size_t)snprintf(grown + *len, room, "%s%s", value, suffix);
    return 0;
}

static int take_header(struct question *question, const char *value)
{
    const char *colon = strchr(value, ':');

    if (!colon || colon == value)
        return refuse(question, "header must be 'Name: value'");
    if (tn_str_equal_nocase((struct tn_str){value, (size_t)(colon - value)}, TN_STR("host")))
        question->has_host = true;
    return append(question, &question->fields, &question->fields_len, "\r\n", value);
}

static int take_client(struct question *question, const char *value)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&question->client;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&question->client;

    memset(&question->client, 0, sizeof(question->client));
    if (inet_pton(AF_INET, value, &in->sin_addr) == 1)
        in->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, value, &in6->sin6_addr) == 1)
        in6->sin6_family = AF_INET6;
    else
        return refuse(question, "client must be an address without a port");
    return 0;
}

static int take(struct question *question, const char *name, const char *value)
{
    if (!is_one_line(value))
        return refuse(question, "control characters can't be in a request");
    if (strcmp(name, "method") == 0) {
        if (strlen(value) >= sizeof(question->method))
            return refuse(question, "unknown method");
        memcpy(question->method, value, strlen(value) + 1);
        return 0;
    }
    if (strcmp(name, "path") == 0) {
        free(question->path);
        question->path = strdup(value);
        return question->path ? 0 : no_memory(question);
    }
    if (strcmp(name, "header") == 0)
        return take_header(question, value);
    if (strcmp(name, "cookie") == 0)
        return append(question, &question->cookies, &question->cookies_len, "; ", value);
    if (strcmp(name, "client") == 0)
        return take_client(question, value);
    tn_api_problem(question->call, 422,
                   "unknown parameter '%.64s': method, path, header, cookie, client", name);
    return -EINVAL;
}

static int read_query(struct question *question)
{
    struct tn_str rest = tn_http_view(question->call->head, question->call->head->query);
    char *buffer = malloc(HEAD_MAX);
    const char *name;
    const char *value;
    int r = 1;

    if (!buffer)
        return no_memory(question);
    while (r == 1) {
        r = tn_api_query_next(&rest, buffer, HEAD_MAX, &name, &value);
        if (r < 0)
            refuse(question,
                   r == -EINVAL ? "the query is not well encoded" : "the request is too large");
        if (r == 1 && take(question, name, value) != 0)
            r = -EINVAL;
    }
    free(buffer);
    return r;
}

static int parse(struct question *question, const struct tn_http_limits *limits)
{
    struct tn_http_parser parser;
    struct tn_http_step step;
    enum tn_http_error error;
    int len;

    if (question->cookies_len > 0)
        question->cookies[question->cookies_len - 2] = '\0'; /* the last "; " */
    len = asprintf(&question->text, "%s %s HTTP/1.1\r\n%s%s%s%s%s\r\n", question->method,
                   question->path ? question->path : "/",
                   question->has_host ? "" : "Host: localhost\r\n",
                   question->fields ? question->fields : "", question->cookies ? "Cookie: " : "",
                   question->cookies ? question->cookies : "", question->cookies ? "\r\n" : "");
    question->head = malloc(sizeof(*question->head));
    if (len < 0 || !question->head) {
        question->text = len < 0 ? NULL : question->text;
        return no_memory(question);
    }
    tn_http_parser_init(&parser, false, limits);
    tn_http_parser_start(&parser, question->head, false);
    error = tn_http_parser_step(&parser, question->text, (size_t)len, &step);
    if (error || !(step.events & TN_HTTP_STEP_HEAD)) {
        tn_api_problem(question->call, 422, "such a request would be refused with %u: %s",
                       error ? tn_http_error_status(error) : 400,
                       error ? tn_http_error_text(error) : "it has no end");
        return -EINVAL;
    }
    return 0;
}

static void on_step(void *context, const char *line)
{
    json_t **steps = context;

    tn_json_append(steps, json_string(line));
}

/* Those that the request may meet. */
static json_t *list_endpoints(const struct px_snapshot *snapshot,
                              const struct px_decision *decision)
{
    json_t *endpoints = json_array();
    const struct px_snapshot_version *version;

    if (decision->version == STRATEGY_NONE)
        return endpoints;
    version = &snapshot->versions[decision->version];
    for (uint32_t i = 0; i < version->endpoint_count; i++) {
        const struct px_endpoint *endpoint = version->endpoints[i];

        if (px_route_may_meet(snapshot, decision, i))
            tn_json_append(&endpoints, json_pack("{s:i, s:s}", "index", endpoint->index, "address",
                                                 endpoint->address.text));
    }
    return endpoints;
}

static json_t *answer_of(const struct px_snapshot *snapshot, const struct px_decision *decision,
                         json_t *steps)
{
    const struct px_snapshot_rule *rule = &snapshot->rules[decision->rule];
    const struct px_snapshot_version *version =
        decision->version == STRATEGY_NONE ? NULL : &snapshot->versions[decision->version];
    json_t *endpoints = list_endpoints(snapshot, decision);
    json_t *mirrors = json_array();
    char key[17];

    snprintf(key, sizeof(key), "%016llx", (unsigned long long)decision->key);
    for (uint32_t i = 0; i < rule->mirror_count; i++) {
        if (decision->mirrors & (1u << i))
            tn_json_append(&mirrors, json_string(rule->mirrors[i].mirror->to));
    }
    return json_pack(
        "{s:I, s:s, s:s?, s:s?, s:o, s:o, s:s, s:s?, s:o, s:o, s:o, s:O}", "revision",
        (json_int_t)snapshot->revision, "rule", rule->rule->name, "version",
        version ? version->name : NULL, "build", version ? version->build : NULL, "endpoint",
        json_array_size(endpoints) == 1 ? json_incref(json_array_get(endpoints, 0)) : json_null(),
        "endpoints", endpoints, "reason", strategy_reason_word(decision->reason), "key",
        decision->has_key ? key : NULL, "slot",
        decision->has_slot ? json_integer((json_int_t)decision->slot) : json_null(), "status",
        version ? json_null() : json_integer(decision->refused_status), "mirrors", mirrors, "steps",
        steps);
}

static void decide(struct px_admin *admin, struct question *question)
{
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    struct px_route_request request = {
        .head = question->head,
        .client = (const struct sockaddr *)&question->client,
        .wall_s = admin->clock->wall_ns(admin->clock->context) / 1000000000,
    };
    json_t *steps = json_array();
    struct px_explain explain = {.step = on_step, .context = &steps};
    struct px_decision decision;

    admin->route->now_ms = admin->clock->monotonic_ns(admin->clock->context) / 1000000;
    px_route_decide(snapshot, admin->route, &request, &explain, &decision);
    px_admin_add_etag(admin, question->call);
    tn_api_answer_json(question->call, 200, answer_of(snapshot, &decision, steps));
    json_decref(steps);
}

void px_admin_get_explain(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    struct question question = {.call = call, .method = "GET"};

    take_client(&question, "127.0.0.1");
    if (read_query(&question) == 0 && parse(&question, &snapshot->limits->http) == 0)
        decide(admin, &question);
    deinit(&question);
}
