#include "tests/unit/config/helper.h"

#include "proxy/config/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void test_parse_defaults_are_those_of_the_design(void **state)
{
    (void)state;
    struct px_config *config = helper_parse(helper_base);
    assert_string_equal(config->file, "t.yaml");
    assert_string_equal(config->dir, "etc");
    assert_int_equal(config->threads, 0);
    assert_int_equal(config->admin_kind, PX_ADMIN_NONE);
    assert_null(config->metrics.text);
    assert_null(config->store_file);
    assert_null(config->admin_token_file);
    assert_string_equal(config->access_log, "stdout");
    assert_int_equal(config->log_format, PX_LOG_JSON);
    assert_int_equal(config->trusted_count, 0);
    const struct px_version *version = &config->versions[0];
    assert_string_equal(version->name, "blue");
    assert_string_equal(version->build, "");
    assert_int_equal(version->balance, STRATEGY_ROUND_ROBIN);
    assert_int_equal(version->max_requests, 512);
    assert_int_equal(version->slow_start_ms, 0);
    assert_string_equal(version->health.path, "/readyz");
    assert_int_equal(version->health.interval_ms, 2000);
    assert_int_equal(version->health.timeout_ms, 1000);
    assert_int_equal(version->health.up_after, 2);
    assert_int_equal(version->health.down_after, 3);
    const struct px_rule *rule = config->rules[0];
    assert_int_equal(rule->match_count, 0);
    assert_true(px_rule_matches_all(rule));
    assert_null(rule->stable);
    assert_int_equal(rule->sticky.by, PX_STICKY_NONE);
    assert_int_equal(rule->on_unhealthy, STRATEGY_FAIL);
    assert_int_equal(rule->mirror_count, 0);
    assert_int_equal(rule->timeouts.connect_ms, 1000);
    assert_int_equal(rule->timeouts.first_byte_ms, 30000);
    assert_int_equal(rule->timeouts.idle_ms, 300000);
    assert_true(rule->timeouts.total_ms == PX_NO_LIMIT);
    assert_true(rule->max_body_bytes == PX_NO_LIMIT);
    assert_false(rule->made_by_route);
    px_config_free(config);
}

static void check_default_limits(const struct px_limits *limits)
{
    assert_int_equal(limits->http.request_line_bytes, 8192);
    assert_int_equal(limits->http.head_bytes, 32768);
    assert_int_equal(limits->http.field_count, 100);
    assert_int_equal(limits->http.trailer_bytes, 8192);
    assert_int_equal(limits->http.chunk_extra_bytes, 4096);
    assert_int_equal(limits->client_head_ms, 10000);
    assert_int_equal(limits->body_floor_bytes_per_s, 500);
    assert_int_equal(limits->body_grace_ms, 5000);
    assert_int_equal(limits->keep_alive_idle_ms, 60000);
    assert_int_equal(limits->response_floor_bytes_per_s, 500);
    assert_int_equal(limits->response_grace_ms, 60000);
    assert_int_equal(limits->upstream_idle_ms, 4000);
    assert_int_equal(limits->upstream_idle_count, 32);
    assert_int_equal(limits->upstream_requests, 10000);
    assert_int_equal(limits->side_buffer_bytes, 65536);
    assert_int_equal(limits->interim_responses, 8);
    assert_int_equal(limits->queue_length, 128);
    assert_int_equal(limits->queue_ms, 1000);
    assert_true(limits->memory_bytes == PX_MEMORY_AUTO);
    assert_int_equal(limits->connections, 0);
    assert_int_equal(limits->ejection_failures, 5);
    assert_int_equal(limits->ejection_ms, 10000);
    assert_int_equal(limits->ejection_max_ms, 300000);
    assert_int_equal(limits->mirror_in_flight, 256);
    assert_int_equal(limits->mirror_buffer_bytes, 65536);
    assert_int_equal(limits->mirror_memory_bytes, 16777216);
    assert_int_equal(limits->mirror_connect_ms, 1000);
    assert_int_equal(limits->mirror_total_ms, 10000);
    assert_int_equal(limits->stop_delay_ms, 0);
    assert_int_equal(limits->stop_grace_ms, 25000);
}

static void test_parse_default_limits_are_those_of_the_design(void **state)
{
    (void)state;
    char text[1024];
    struct px_config *config = helper_parse(helper_base);
    check_default_limits(&config->limits);
    px_config_free(config);
    snprintf(text, sizeof(text), "%slimits: {}\n", helper_base);
    config = helper_parse(text);
    check_default_limits(&config->limits);
    px_config_free(config);
}

static void test_parse_every_limit_has_a_key(void **state)
{
    (void)state;
    char text[2048];
    snprintf(text, sizeof(text), "%s%s", helper_base,
             "limits:\n"
             "  request_line: 4KiB\n  head: 16KiB\n  fields: 50\n  trailers: 1KiB\n"
             "  chunk_extra: 2KiB\n  head_timeout: 5s\n  body_floor: 1KiB\n  body_grace: 2s\n"
             "  response_floor: 2KiB\n  response_grace: 3s\n"
             "  keep_alive: 30s\n  upstream_idle: 3s\n  upstream_idle_connections: 8\n"
             "  upstream_requests: 100\n  side_buffer: 32KiB\n  interim_responses: 2\n"
             "  ejection_failures: 3\n  ejection_time: 2s\n  ejection_max_time: 1m\n"
             "  memory: 512MiB\n"
             "  queue: 16\n  queue_timeout: 500ms\n  connections: 1000\n"
             "  mirror_in_flight: 12\n  mirror_buffer: 16KiB\n  mirror_memory: 1MiB\n"
             "  mirror_connect: 200ms\n  mirror_total: 2s\n  stop_delay: 3s\n  stop_grace: 1m\n");
    struct px_config *config = helper_parse(text);
    const struct px_limits *limits = &config->limits;
    assert_int_equal(limits->http.request_line_bytes, 4096);
    assert_int_equal(limits->http.head_bytes, 16384);
    assert_int_equal(limits->http.field_count, 50);
    assert_int_equal(limits->http.trailer_bytes, 1024);
    assert_int_equal(limits->http.chunk_extra_bytes, 2048);
    assert_int_equal(limits->client_head_ms, 5000);
    assert_int_equal(limits->body_floor_bytes_per_s, 1024);
    assert_int_equal(limits->body_grace_ms, 2000);
    assert_int_equal(limits->response_floor_bytes_per_s, 2048);
    assert_int_equal(limits->response_grace_ms, 3000);
    assert_int_equal(limits->keep_alive_idle_ms, 30000);
    assert_int_equal(limits->upstream_idle_ms, 3000);
    assert_int_equal(limits->upstream_idle_count, 8);
    assert_int_equal(limits->upstream_requests, 100);
    assert_int_equal(limits->side_buffer_bytes, 32768);
    assert_int_equal(limits->interim_responses, 2);
    assert_int_equal(limits->queue_length, 16);
    assert_int_equal(limits->queue_ms, 500);
    assert_int_equal(limits->memory_bytes, 512u << 20);
    assert_int_equal(limits->connections, 1000);
    assert_int_equal(limits->ejection_failures, 3);
    assert_int_equal(limits->ejection_ms, 2000);
    assert_int_equal(limits->ejection_max_ms, 60000);
    assert_int_equal(limits->mirror_in_flight, 12);
    assert_int_equal(limits->mirror_buffer_bytes, 16384);
    assert_int_equal(limits->mirror_memory_bytes, 1048576);
    assert_int_equal(limits->mirror_connect_ms, 200);
    assert_int_equal(limits->mirror_total_ms, 2000);
    assert_int_equal(limits->stop_delay_ms, 3000);
    assert_int_equal(limits->stop_grace_ms, 60000);
    px_config_free(config);
}

static void test_parse_what_a_version_says(void **state)
{
    (void)state;
    struct px_config *config = helper_parse(
        "listen: ['127.0.0.1:0']\nthreads: 4\nlog: {access: stderr, format: combined}\n"
        "versions:\n"
        "  a: {endpoints: ['127.0.0.1:1', '[::1]:1'], build: 'registry.local/app:2@sha256', "
        "balance: hash, max_requests: 7, slow_start: 90s,\n"
        "      health: {path: /healthz?full=1, interval: 100ms, timeout: 100ms, up_after: 1, "
        "down_after: 9}}\n"
        "  b.2_x-y: {endpoints: ['127.0.0.1:2'], balance: least_requests}\n"
        "rules: [{name: main, weights: {a: 1}, stable: b.2_x-y}]\n");
    const struct px_version *version = px_config_find_version(config, "a");
    assert_ptr_equal(version, &config->versions[0]);
    assert_int_equal(version->endpoint_count, 2);
    assert_string_equal(version->endpoints[1].text, "[::1]:1");
    assert_string_equal(version->build, "registry.local/app:2@sha256");
    assert_int_equal(version->balance, STRATEGY_HASH);
    assert_int_equal(version->max_requests, 7);
    assert_int_equal(version->slow_start_ms, 90000);
    assert_string_equal(version->health.path, "/healthz?full=1");
    assert_int_equal(version->health.interval_ms, 100);
    assert_int_equal(version->health.up_after, 1);
    assert_int_equal(version->health.down_after, 9);
    assert_int_equal(config->versions[1].balance, STRATEGY_LEAST_REQUESTS);
    assert_null(px_config_find_version(config, "c"));
    assert_int_equal(config->threads, 4);
    assert_string_equal(config->access_log, "stderr");
    assert_int_equal(config->log_format, PX_LOG_COMBINED);
    px_config_free(config);
}

/* Words of the configuration and of strategies/traffic are the same. */
static void test_parse_balances_are_those_of_the_strategies(void **state)
{
    (void)state;
    for (int i = 0; i < STRATEGY_BALANCE_COUNT; i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "listen: ['127.0.0.1:0']\nversions: {a: {endpoints: ['127.0.0.1:1'], balance: "
                 "%s}}\nrules: [{name: main, weights: {a: 1}}]\n",
                 strategy_balance_ops((enum strategy_balance)i)->name);
        struct px_config *config = helper_parse(text);
        assert_int_equal(config->versions[0].balance, i);
        px_config_free(config);
    }
}

static void test_parse_log_off(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof(text), "%slog: {access: off}\n", helper_base);
    struct px_config *config = helper_parse(text);
    assert_null(config->access_log);
    px_config_free(config);
}

static void test_parse_block_style_and_marks(void **state)
{
    (void)state;
    struct px_config *config = helper_parse("\xef\xbb\xbf%YAML 1.1\n---\n"
                                            "listen:\n- 127.0.0.1:0\n"
                                            "versions:\n  'a':\n    endpoints:\n    - 127.0.0.1:1\n"
                                            "\"rules\":\n- name: main # all\n  weights:\n    a: 1\n"
                                            "...\n");
    assert_int_equal(config->rule_count, 1);
    px_config_free(config);
}

static void test_parse_windows_line_ends(void **state)
{
    (void)state;
    struct px_config *config =
        helper_parse("listen: ['127.0.0.1:0']\r\nversions: {a: {endpoints: ['127.0.0.1:1']}}\r\n"
                     "rules: [{name: main, weights: {a: 1}}]\r\n");
    assert_string_equal(config->rules[0]->name, "main");
    px_config_free(config);
}

static void test_parse_columns_count_characters(void **state)
{
    (void)state;
    char *said =
        helper_parse_wrong("listen: [\"127.0.0.1:0\"]\nlog: {access: 'Zugriffe-\xc3\xa4\xe2"
                           "\x82\xac', fromat: json}\n");
    assert_non_null(strstr(said, "t.yaml:2:30: error: unknown key 'fromat'"));
    free(said);
}

static void check_said(const char *text, size_t len, const char *wanted)
{
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_parse((struct tn_str){text, len}, "t.yaml", ".", &messages, &config),
                     -EINVAL);
    char *said = px_messages_format(&messages);
    assert_string_equal(said, wanted);
    free(said);
    px_messages_deinit(&messages);
}

#define CHECK_SAID(text, wanted) check_said(text, sizeof(text) - 1, wanted)

static void test_parse_bytes_that_are_no_text(void **state)
{
    (void)state;
    CHECK_SAID("listen: []\nthreads: \xff\n",
               "t.yaml:2:10: error: not a text in UTF-8: invalid leading UTF-8 octet\n");
    CHECK_SAID("threads: \xe2\x28\xa1\n",
               "t.yaml:1:11: error: not a text in UTF-8: invalid trailing UTF-8 octet\n");
    CHECK_SAID("threads: \xc3\xa4\x01\n",
               "t.yaml:1:11: error: not a text in UTF-8: control characters are not allowed\n");
    CHECK_SAID("threads: 1\0\n",
               "t.yaml:1:11: error: not a text in UTF-8: control characters are not allowed\n");
    CHECK_SAID("\xff\xfel\0i\0s\0t\0e\0n\0",
               "t.yaml:1:1: error: not a text in UTF-8: invalid leading UTF-8 octet\n");
    CHECK_SAID("", "t.yaml: error: there is nothing in it\n");
}

static void test_parse_refuses_characters_that_do_not_come_back(void **state)
{
    (void)state;
    static const char *const escapes[] = {"\\0",     "\\x7f",   "\\x85", "\\u2028", "\\u2029",
                                          "\\ufeff", "\\ufffe", "\\n",   "\\t",     "\\e"};
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "threads: \"a%sb\"\n", escapes[i]);
        char *said = helper_parse_wrong(text);
        assert_non_null(strstr(said, "t.yaml:1:10: error: control characters and line breaks"));
        free(said);
    }
}

static void test_parse_says_at_most_a_hundred_messages(void **state)
{
    (void)state;
    char *text = calloc(1, 64 * 1024);
    assert_non_null(text);
    for (int i = 0; i < 150; i++) {
        snprintf(text + strlen(text), 32, "unknown%d: 1\n", i);
    }
    struct px_messages messages;
    struct px_config *config = NULL;
    px_messages_init(&messages);
    assert_int_equal(px_config_parse(tn_str_of(text), "t.yaml", ".", &messages, &config), -EINVAL);
    assert_int_equal(messages.count, PX_MESSAGES_MAX);
    assert_int_equal(messages.error_count, 153); /* and three keys are missing */
    char *said = px_messages_format(&messages);
    assert_non_null(strstr(said, "\nand 53 more errors\n"));
    free(said);
    px_messages_deinit(&messages);
    free(text);
}

static void test_parse_sixty_thousand_keys_quickly(void **state)
{
    (void)state;
    size_t size = 1000 * 1000;
    char *text = calloc(1, size);
    assert_non_null(text);
    size_t len = 0;
    for (int i = 0; i < 30000; i++) {
        len += (size_t)snprintf(text + len, size - len, "k%d: 1\n", i % 29000);
    }
    char *said = helper_parse_wrong(text); /* 1,000 duplicates, 30,000 unknown ones */
    assert_non_null(strstr(said, "duplicate key 'k0', already on line 1\n"));
    free(said);
    for (len = 0; len + 5 < size; len += 4) {
        memcpy(text + len, "[a, ", 4);
    }
    said = helper_parse_wrong(text);
    assert_non_null(strstr(said, "nested too deeply"));
    free(said);
    len = (size_t)snprintf(text, size, "threads: [");
    for (int i = 0; i < 70000; i++) {
        len += (size_t)snprintf(text + len, size - len, "a,");
    }
    said = helper_parse_wrong(text);
    assert_non_null(strstr(said, "too many values in one file (more than 65,536)"));
    free(said);
    free(text);
}

static void test_parse_messages_are_in_the_order_of_the_file(void **state)
{
    (void)state;
    struct px_messages messages;
    px_messages_init(&messages);
    px_messages_add(&messages, PX_ERROR, 3, 1, "d");
    px_messages_add(&messages, PX_ERROR, 2, 9, "c1");
    px_messages_add(&messages, PX_WARNING, 2, 9, "c2");
    px_messages_add(&messages, PX_ERROR, 2, 1, "b");
    px_messages_add(&messages, PX_ERROR, 0, 0, "a");
    px_messages_sort(&messages);
    assert_int_equal(messages.error_count, 4);
    char *said = px_messages_format(&messages);
    assert_string_equal(said, "configuration: error: a\nconfiguration:2:1: error: b\n"
                              "configuration:2:9: error: c1\nconfiguration:2:9: warning: c2\n"
                              "configuration:3:1: error: d\n");
    free(said);
    px_messages_deinit(&messages);
    said = px_messages_format(&messages);
    assert_string_equal(said, "");
    free(said);
}

static void test_parse_long_texts_are_cut_at_characters(void **state)
{
    (void)state;
    struct px_text text = {0};
    char bytes[200];
    memset(bytes, 'a', 56);
    memcpy(bytes + 56, "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 10);
    px_text_add_found(&text, tn_str_of(bytes));
    assert_int_equal(text.len, 56 + 5); /* quotes and dots; no half of a euro */
    assert_string_equal(text.bytes + 57, "...'");
    for (int i = 0; i < 20; i++) {
        px_text_add(&text, "%s", "0123456789012345678901234567890123456789");
    }
    assert_int_equal(strlen(text.bytes), sizeof(text.bytes) - 1);
    assert_string_equal(text.bytes + sizeof(text.bytes) - 4, "...");
    px_text_add(&text, "more");
    assert_int_equal(strlen(text.bytes), sizeof(text.bytes) - 1);
}

static void test_parse_texts_have_a_limit(void **state)
{
    (void)state;
    char text[PX_TEXT_MAX + 512];
    char value[PX_TEXT_MAX + 2];
    struct px_config *config = helper_parse(helper_base);
    for (size_t len = PX_TEXT_MAX; len <= PX_TEXT_MAX + 1; len++) {
        struct px_messages messages;
        struct px_rule **rules = NULL;
        uint32_t count = 0;
        memset(value, 'v', len);
        value[len] = '\0';
        snprintf(text, sizeof(text),
                 "[{name: a, match: [{headers: [{name: X, value: %s}]}], weights: {red: 1}},"
                 "{name: main, weights: {blue: 1}}]",
                 value);
        px_messages_init(&messages);
        int r = px_config_parse_rules(tn_str_of(text), "x", config, &messages, &rules, &count);
        assert_int_equal(r, len > PX_TEXT_MAX ? -EINVAL : 0);
        if (r < 0) {
            assert_non_null(strstr(messages.items[0].text, "value: expected at most 1024 bytes"));
        }
        px_rules_free(rules, count);
        px_messages_deinit(&messages);
    }
    px_config_free(config);
}

static void test_parse_endpoints_have_a_limit_together(void **state)
{
    (void)state;
    size_t size = 64 * 1024;
    char *text = calloc(1, size);
    assert_non_null(text);
    size_t len = (size_t)snprintf(text, size,
                                  "listen: ['127.0.0.1:0']\n"
                                  "rules: [{name: main, weights: {a: 1, b: 0}}]\n"
                                  "versions:\n");
    for (uint32_t i = 0; i < 1001; i++) {
        const char *start = i == 0     ? "  a: {endpoints: ["
                            : i == 600 ? "]}\n  b: {endpoints: ["
                                       : "";
        len += (size_t)snprintf(text + len, size - len, "%s'127.0.0.1:%u',", start, 10000 + i);
    }
    snprintf(text + len, size - len, "]}\n");
    char *said = helper_parse_wrong(text);
    assert_string_equal(said, "t.yaml:4:3: error: versions: 1001 endpoints in all, at most 1000 "
                              "are allowed\n");
    free(said);
    free(text);
}

static void test_parse_config_is_shared(void **state)
{
    (void)state;
    struct px_config *config = helper_parse(helper_base);
    assert_ptr_equal(px_config_ref(config), config);
    px_config_free(config);
    assert_string_equal(config->versions[0].name, "blue"); /* still there */
    px_config_free(config);
    px_config_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_defaults_are_those_of_the_design),
        cmocka_unit_test(test_parse_default_limits_are_those_of_the_design),
        cmocka_unit_test(test_parse_every_limit_has_a_key),
        cmocka_unit_test(test_parse_what_a_version_says),
        cmocka_unit_test(test_parse_balances_are_those_of_the_strategies),
        cmocka_unit_test(test_parse_log_off),
        cmocka_unit_test(test_parse_block_style_and_marks),
        cmocka_unit_test(test_parse_windows_line_ends),
        cmocka_unit_test(test_parse_columns_count_characters),
        cmocka_unit_test(test_parse_bytes_that_are_no_text),
        cmocka_unit_test(test_parse_refuses_characters_that_do_not_come_back),
        cmocka_unit_test(test_parse_says_at_most_a_hundred_messages),
        cmocka_unit_test(test_parse_sixty_thousand_keys_quickly),
        cmocka_unit_test(test_parse_messages_are_in_the_order_of_the_file),
        cmocka_unit_test(test_parse_long_texts_are_cut_at_characters),
        cmocka_unit_test(test_parse_texts_have_a_limit),
        cmocka_unit_test(test_parse_endpoints_have_a_limit_together),
        cmocka_unit_test(test_parse_config_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
