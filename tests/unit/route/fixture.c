#include "tests/unit/route/fixture.h"

#include <arpa/inet.h>
#include <assert.h>
#include <xxhash.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static const char *const names[VERSIONS] = {"blue", "green", "red"};

struct fixture *fixture_new(void)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct sockaddr_in *client;

    assert_non_null(fixture);
    for (uint32_t v = 0; v < VERSIONS; v++) {
        for (uint32_t i = 0; i < FIXTURE_ENDPOINTS; i++) {
            struct px_endpoint *endpoint = &fixture->endpoints[v][i];

            snprintf(endpoint->label, sizeof(endpoint->label), "%s/%u", names[v], i);
            endpoint->index = i;
            atomic_init(&endpoint->up, true);
            atomic_init(&endpoint->probed, true);
            fixture->lists[v][i] = endpoint;
        }
        fixture->versions[v] = (struct px_snapshot_version){
            .name = names[v],
            .build = "",
            .id = XXH3_64bits(names[v], strlen(names[v])),
            .stat = v,
            .endpoints = fixture->lists[v],
            .endpoint_count = FIXTURE_ENDPOINTS,
            .max_requests = 512,
        };
    }
    fixture->limits = (struct px_limits){.queue_length = 128, .queue_ms = 1000};
    fixture->snapshot.limits = &fixture->limits;
    fixture->snapshot.versions = fixture->versions;
    fixture->snapshot.version_count = VERSIONS;
    fixture->snapshot.rules = fixture->rules;
    assert_int_equal(px_route_loop_init(&fixture->loop, 1, 0), 0);
    tn_random_init_seeded(&fixture->loop.random, 1);
    client = (struct sockaddr_in *)(void *)&fixture->client;
    client->sin_family = AF_INET;
    inet_pton(AF_INET, "192.0.2.7", &client->sin_addr);
    fixture->request.head = &fixture->head;
    fixture->request.client = (const struct sockaddr *)&fixture->client;
    fixture_request(fixture, "GET / HTTP/1.1\r\nHost: example.org\r\n");
    return fixture;
}

static void free_value(struct px_match_value *value)
{
    if (value)
        pcre2_code_free(value->regex);
}

static void free_values(struct px_match_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free_value(&values[i]);
}

void fixture_free(struct fixture *fixture)
{
    for (uint32_t r = 0; r < fixture->snapshot.rule_count; r++) {
        for (uint32_t i = 0; i < fixture->said[r].match_count; i++) {
            struct px_match *match = &fixture->matches[r][i];

            free_value(match->host);
            free_value(match->path);
            free_value(match->method);
            free_values(match->headers, match->header_count);
            free_values(match->cookies, match->cookie_count);
            free_values(match->query, match->query_count);
        }
        free(fixture->said[r].sticky.name);
    }
    px_cookie_keys_free(fixture->keys);
    px_route_loop_deinit(&fixture->loop);
    free(fixture);
}

void fixture_weights(struct fixture *fixture, uint32_t rule, uint32_t blue, uint32_t green,
                     uint32_t red)
{
    const uint32_t weights[VERSIONS] = {blue, green, red};
    struct px_snapshot_rule *resolved = &fixture->rules[rule];
    uint32_t positive = 0;

    resolved->version_count = VERSIONS;
    resolved->only = STRATEGY_NONE;
    for (uint32_t v = 0; v < VERSIONS; v++) {
        resolved->versions[v] = v;
        resolved->ids[v] = fixture->versions[v].id;
        resolved->weights[v] = weights[v];
        if (weights[v] > 0) {
            positive++;
            resolved->only = v;
        }
    }
    if (positive != 1)
        resolved->only = STRATEGY_NONE;
}

uint32_t fixture_rule(struct fixture *fixture, const char *name, uint32_t blue, uint32_t green,
                      uint32_t red)
{
    static char text[FIXTURE_RULES][32];
    uint32_t number = fixture->snapshot.rule_count++;
    struct px_snapshot_rule *rule = &fixture->rules[number];

    assert_true(number < FIXTURE_RULES);
    snprintf(text[number], sizeof(text[number]), "%s", name);
    fixture->said[number] =
        (struct px_rule){.name = text[number], .matches = fixture->matches[number]};
    rule->rule = &fixture->said[number];
    rule->stat = number;
    rule->seed = XXH3_64bits(name, strlen(name));
    rule->stable = STRATEGY_NONE;
    rule->deal = &fixture->deals[number];
    rule->deal->seed = rule->seed;
    fixture_weights(fixture, number, blue, green, red);
    return number;
}

void fixture_sticky(struct fixture *fixture, uint32_t rule, bool is_signed)
{
    struct px_sticky *sticky = &fixture->said[rule].sticky;
    char *why = NULL;

    sticky->by = PX_STICKY_COOKIE;
    sticky->name = strdup("turnout");
    if (!is_signed)
        return;
    if (!fixture->keys)
        assert_int_equal(px_cookie_keys_parse(TN_STR(FIXTURE_KEY), "keys", &why, &fixture->keys),
                         0);
    fixture->rules[rule].cookie_keys = fixture->keys;
}

struct px_mirror *fixture_mirror(struct fixture *fixture, uint32_t rule, uint32_t to, uint32_t ppm)
{
    uint32_t number = fixture->rules[rule].mirror_count++;
    struct px_mirror *mirror = &fixture->said[rule].mirrors[number];
    struct px_snapshot_mirror *resolved = &fixture->rules[rule].mirrors[number];

    fixture->said[rule].mirror_count++;
    *mirror = (struct px_mirror){
        .ppm = ppm, .methods = 1u << TN_HTTP_GET | 1u << TN_HTTP_HEAD, .max_body_bytes = 1000};
    resolved->mirror = mirror;
    resolved->to = to;
    resolved->deal = &fixture->mirror_deals[rule][number];
    resolved->deal->seed = strategy_mix(rule * 16 + number);
    return mirror;
}

struct px_match *fixture_match(struct fixture *fixture, uint32_t rule)
{
    uint32_t number = fixture->said[rule].match_count++;

    assert_true(number < FIXTURE_MATCHES);
    return &fixture->matches[rule][number];
}

/* Terminated copies that live as long as the program: a table of literals is const, a value not. */
static char *keep(const char *text)
{
    static char kept[8192];
    static size_t used;
    char *copy = kept + used;
    size_t len = strlen(text) + 1;

    if (used + len > sizeof(kept)) { /* the tests before this one are over */
        used = 0;
        copy = kept;
    }
    memcpy(copy, text, len);
    used += len;
    return copy;
}

struct px_match_value fixture_value(enum px_match_kind kind, const char *name, const char *text)
{
    struct px_match_value value = {.kind = kind};
    int error;
    PCRE2_SIZE offset;

    value.name = name ? keep(name) : NULL;
    value.text = text ? keep(text) : NULL;
    if (kind == PX_MATCH_REGEX) {
        value.regex = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                    PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY,
                                    &error, &offset, NULL);
        assert_non_null(value.regex);
    }
    return value;
}

static struct tn_http_slice slice(const struct fixture *fixture, const char *start, const char *end)
{
    return (struct tn_http_slice){(uint16_t)(start - fixture->text), (uint16_t)(end - start)};
}

static uint8_t method_of(struct tn_str text)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST", "PUT",
                                          "DELETE", "OPTIONS", "PATCH"};

    for (uint8_t i = 0; i < TN_HTTP_METHOD_OTHER; i++) {
        if (tn_str_equal(text, tn_str_of(methods[i])))
            return i;
    }
    return TN_HTTP_METHOD_OTHER;
}

static void read_field(struct fixture *fixture, const char *line, const char *end)
{
    struct tn_http_head *head = &fixture->head;
    struct tn_http_field *field = &head->fields[head->field_count++];
    const char *colon = memchr(line, ':', (size_t)(end - line));
    const char *value = colon + 1;

    while (value < end && *value == ' ')
        value++;
    field->name = slice(fixture, line, colon);
    field->value = slice(fixture, value, end);
    field->id = (uint8_t)tn_http_field_id_of(tn_http_view(head, field->name));
    if (field->id == TN_HTTP_FIELD_HOST)
        head->authority = field->value;
    if (field->id == TN_HTTP_FIELD_CONTENT_LENGTH)
        head->content_length = strtoll(value, NULL, 10);
    if (field->id == TN_HTTP_FIELD_TRANSFER_ENCODING)
        head->chunked = true;
    if (field->id == TN_HTTP_FIELD_UPGRADE)
        head->upgrade = true;
}

void fixture_request(struct fixture *fixture, const char *text)
{
    struct tn_http_head *head = &fixture->head;
    const char *line;
    const char *target;
    const char *end;
    const char *query;

    assert_true(strlen(text) < sizeof(fixture->text));
    snprintf(fixture->text, sizeof(fixture->text), "%s", text);
    memset(head, 0, sizeof(*head));
    head->base = fixture->text;
    head->content_length = -1;
    target = strchr(fixture->text, ' ') + 1;
    end = strchr(target, ' ');
    head->method_text = slice(fixture, fixture->text, target - 1);
    head->method = method_of(tn_http_view(head, head->method_text));
    head->target = slice(fixture, target, end);
    query = memchr(target, '?', (size_t)(end - target));
    head->path = slice(fixture, target, query ? query : end);
    head->query = query ? slice(fixture, query + 1, end) : slice(fixture, end, end);
    for (line = strstr(end, "\r\n") + 2; *line != '\0'; line = end + 2) {
        end = strstr(line, "\r\n");
        read_field(fixture, line, end);
    }
    head->len = (uint32_t)strlen(text);
}

const struct px_decision *fixture_decide(struct fixture *fixture)
{
    px_route_decide(&fixture->snapshot, &fixture->loop, &fixture->request, NULL,
                    &fixture->decision);
    return &fixture->decision;
}

static void tell(void *context, const char *line)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->told);

    assert_true(used + strlen(line) + 2 < sizeof(fixture->told));
    snprintf(fixture->told + used, sizeof(fixture->told) - used, "%s\n", line);
}

const struct px_decision *fixture_explain(struct fixture *fixture)
{
    const struct px_explain explain = {tell, fixture};

    fixture->told[0] = '\0';
    px_route_decide(&fixture->snapshot, &fixture->loop, &fixture->request, &explain,
                    &fixture->decision);
    return &fixture->decision;
}

void fixture_request_with_cookie(struct fixture *fixture, const struct px_decision *decision)
{
    char text[512];
    const char *end = memchr(decision->set_cookie, ';', decision->set_cookie_len);

    assert_non_null(end);
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: example.org\r\nCookie: %.*s\r\n",
             (int)(end - decision->set_cookie), decision->set_cookie);
    fixture_request(fixture, text);
}
