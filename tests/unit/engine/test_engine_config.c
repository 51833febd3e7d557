#include "engine/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOOD                                                                                       \
    "service: counter\n"                                                                           \
    "platform: local\n"                                                                            \
    "proxy: \"unix:./turnout.sock\"\n"                                                             \
    "store: {file: \"./engine.store\"}\n"                                                          \
    "state: independent\n"                                                                         \
    "replicas: 2\n"                                                                                \
    "builds:\n"                                                                                    \
    "  \"1\": {command: [\"./counter\", \"{port}\", \"{data}\"]}\n"                                \
    "versions: {blue: {build: \"1\", ports: [5001, 5002], data: \"./data/blue\"}, green: {ports: " \
    "[5101, 5102]}}\n"

static struct en_config *parse_good(const char *text)
{
    struct px_messages messages;
    struct en_config *config = NULL;

    px_messages_init(&messages);
    int r = en_config_parse(tn_str_of(text), "engine.yaml", "dir", &messages, &config);
    char *said = px_messages_format(&messages);
    if (r != 0)
        print_message("%s", said);
    assert_int_equal(r, 0);
    free(said);
    px_messages_deinit(&messages);
    return config;
}

/* Refused, and every one of the texts is said. */
static void expect_refused(const char *text, const char *first, const char *second)
{
    struct px_messages messages;
    struct en_config *config = NULL;

    px_messages_init(&messages);
    assert_int_equal(en_config_parse(tn_str_of(text), "engine.yaml", ".", &messages, &config),
                     -EINVAL);
    char *said = px_messages_format(&messages);
    if (!strstr(said, first) || (second && !strstr(said, second)))
        fail_msg("%s", said);
    free(said);
    px_messages_deinit(&messages);
}

static void test_engine_config_reads_what_the_page_shows(void **state)
{
    struct en_config *config = parse_good(GOOD "rule: main\n"
                                               "admin: \"unix:./e.sock\"\n"
                                               "metrics: \"127.0.0.1:9091\"\n"
                                               "ready: {path: /ok, timeout: 5s}\n"
                                               "drain: 3s\ngrace: 4s\nprogress: 1m\n"
                                               "lease: 7s\non_engine_lost: abort\n");

    (void)state;
    assert_string_equal(config->service, "counter");
    assert_string_equal(config->proxy, "unix:dir/turnout.sock");
    assert_string_equal(config->admin_path, "dir/e.sock");
    assert_string_equal(config->metrics.text, "127.0.0.1:9091");
    assert_string_equal(config->store_file, "dir/engine.store");
    assert_string_equal(config->rule, "main");
    assert_int_equal(config->state, STRATEGY_STATE_INDEPENDENT);
    assert_int_equal(config->replicas, 2);
    assert_string_equal(en_config_find_build(config, "1")->command[1], "{port}");
    assert_null(en_config_find_build(config, "1")->command[3]);
    assert_null(en_config_find_build(config, "2"));
    assert_string_equal(config->versions[0].name, "blue");
    assert_string_equal(config->versions[0].build, "1");
    assert_int_equal(config->versions[0].ports[1], 5002);
    assert_string_equal(config->versions[0].data, "dir/data/blue");
    assert_null(config->versions[1].build);
    assert_null(config->versions[1].data);
    assert_int_equal(en_config_find_version(config, "green"), 1);
    assert_int_equal(en_config_find_version(config, "red"), -ENOENT);
    assert_string_equal(config->ready_path, "/ok");
    assert_int_equal(config->ready_timeout_ms, 5000);
    assert_int_equal(config->drain_ms, 3000);
    assert_int_equal(config->grace_ms, 4000);
    assert_int_equal(config->progress_ms, 60000);
    assert_int_equal(config->lease_ms, 7000);
    assert_int_equal(config->on_lost, EN_LOST_ABORT);
    en_config_free(config);
}

static void test_engine_config_has_defaults(void **state)
{
    struct en_config *config = parse_good(GOOD);

    (void)state;
    assert_string_equal(config->admin_path, "dir/engine.sock");
    assert_string_equal(config->log_dir, "dir/logs");
    assert_string_equal(config->ready_path, "/readyz");
    assert_null(config->metrics.text);
    assert_null(config->rule);
    assert_int_equal(config->ready_timeout_ms, 60000);
    assert_int_equal(config->drain_ms, 10000);
    assert_int_equal(config->progress_ms, 600000);
    en_config_free(config);
}

static void test_engine_config_reads_hooks(void **state)
{
    struct en_config *config =
        parse_good(GOOD "hooks: {before: \"http://127.0.0.1:1/b\", notify: {url: "
                        "\"http://h/n\", retries: 0, timeout: 2s}, commit: {command: [a, b]}}\n");

    (void)state;
    assert_string_equal(config->hooks[STRATEGY_HOOK_BEFORE].url, "http://127.0.0.1:1/b");
    assert_int_equal(config->hooks[STRATEGY_HOOK_BEFORE].retries, 3);
    assert_int_equal(config->hooks[EN_HOOK_NOTIFY].timeout_ms, 2000);
    assert_int_equal(config->hooks[EN_HOOK_NOTIFY].retries, 0);
    assert_string_equal(config->hooks[STRATEGY_HOOK_COMMIT].command[1], "b");
    assert_null(config->hooks[STRATEGY_HOOK_AFTER].url);
    en_config_free(config);
}

static void test_engine_config_says_every_mistake(void **state)
{
    (void)state;
    expect_refused("service: counter\nreplica: 3\n", "did you mean 'replicas'",
                   "'proxy' is missing");
    expect_refused(GOOD "drian: 3s\n", "engine.yaml:10:1: error: unknown key 'drian'",
                   "did you mean 'drain'");
    expect_refused(GOOD "drain: 3\n", "drain", "did you mean '3s'");
    expect_refused(GOOD "lease: 3ms\n", "lease", NULL);
    expect_refused(GOOD "on_engine_lost: stop\n", "hold", "abort");
    expect_refused(GOOD "hooks: {befor: \"http://a/\"}\n", "did you mean 'before'", NULL);
    expect_refused(GOOD "hooks: {before: \"https://a/\"}\n", "https is not yet supported", NULL);
    expect_refused(GOOD "hooks: {before: {timeout: 3s}}\n", "a 'url' or a 'command'", NULL);
    expect_refused("platform: {kubernetes: {namespace: a}}\n", "'kubernetes' is not yet supported",
                   NULL);
    expect_refused("proxy: \"127.0.0.1:1\"\n", "unix:PATH", NULL);
    expect_refused("state: mine\n", "independent", "handover");
    expect_refused("builds: {\"1\": {command: [\"a\", \"{prot}\"]}}\n", "'{prot}'",
                   "known are {port}");
    expect_refused("builds: {\"1\": {}}\n", "'command' is missing", NULL);
    expect_refused("versions: {blue: {ports: [1]}}\n", "two versions, the pair", NULL);
}

static void test_engine_config_holds_parts_against_each_other(void **state)
{
    (void)state;
    expect_refused("replicas: 3\nversions: {a: {ports: [1, 2, 3]}, b: {ports: [4, 5]}}\n",
                   "b has 2 ports, replicas is 3", NULL);
    expect_refused("replicas: 1\nversions: {a: {ports: [1]}, b: {ports: [1]}}\n",
                   "port 1 is there twice", NULL);
    expect_refused("replicas: 1\nbuilds: {\"1\": {command: [a]}}\n"
                   "versions: {a: {ports: [1], build: \"7\"}, b: {ports: [2]}}\n",
                   "there is no build '7'", NULL);
}

static void test_engine_config_tells_an_unreadable_file(void **state)
{
    struct px_messages messages;
    struct en_config *config = NULL;

    (void)state;
    px_messages_init(&messages);
    assert_int_equal(en_config_load("/nonexistent/engine.yaml", &messages, &config), -ENOENT);
    assert_int_equal(messages.error_count, 1);
    assert_non_null(strstr(messages.items[0].text, "cannot be read"));
    px_messages_deinit(&messages);
    en_config_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_config_reads_what_the_page_shows),
        cmocka_unit_test(test_engine_config_has_defaults),
        cmocka_unit_test(test_engine_config_reads_hooks),
        cmocka_unit_test(test_engine_config_says_every_mistake),
        cmocka_unit_test(test_engine_config_holds_parts_against_each_other),
        cmocka_unit_test(test_engine_config_tells_an_unreadable_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
