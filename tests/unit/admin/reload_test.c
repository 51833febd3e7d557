#include "proxy/admin/against.h"
#include "proxy/admin/reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VERSIONS "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\"}}\n"
#define RULES "rules: [{name: main, weights: {blue: 1}}]\n"
#define TAKEOVER " changed: no reload can do that, but a takeover can: turnout serve --takeover"
#define LISTEN "listen: [\"127.0.0.1:0\"]\n"

static struct px_config *parse(const char *text)
{
    struct px_messages messages;
    struct px_config *config = NULL;

    px_messages_init(&messages);
    if (px_config_parse(tn_str_of(text), "t.yaml", "/tmp", &messages, &config) != 0)
        fail_msg("%s\n%s", text, px_messages_format(&messages));
    px_messages_deinit(&messages);
    return config;
}

/* From one text to another: what needs a restart, and whether anything else differs. */
static void expect(const char *old_text, const char *fresh_text, const char *restart, bool changes)
{
    struct px_config *old = parse(old_text);
    struct px_config *fresh = parse(fresh_text);
    json_t *sentences = px_reload_needs_restart(old, fresh);
    const char *first = json_string_value(json_array_get(sentences, 0));

    if (json_array_size(sentences) != (restart ? 1 : 0) || (restart && strcmp(first, restart) != 0))
        fail_msg("%s: needs a restart: %s", fresh_text, first ? first : "nothing");
    json_t *settings = px_reload_settings(old, fresh);

    if (px_reload_changes_config(old, fresh) != changes)
        fail_msg("%s: changes: %d", fresh_text, !changes);
    if ((json_array_size(settings) > 0) != changes)
        fail_msg("%s: tells %zu settings", fresh_text, json_array_size(settings));
    json_decref(settings);
    json_decref(sentences);
    px_config_free(old);
    px_config_free(fresh);
}

static void test_reload_what_needs_another_process(void **state)
{
    static const struct {
        const char *text;
        const char *restart;
    } rows[] = {
        {LISTEN VERSIONS RULES, NULL},
        {LISTEN "threads: 3\n" VERSIONS RULES, "threads" TAKEOVER},
        {LISTEN "admin: \"unix:./x\"\n" VERSIONS RULES, "admin" TAKEOVER},
        {LISTEN "user: nobody\n" VERSIONS RULES, "user" TAKEOVER},
        {LISTEN "store: {file: ./s}\n" VERSIONS RULES, "store" TAKEOVER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect(LISTEN VERSIONS RULES, rows[i].text, rows[i].restart, false);
}

static void test_reload_what_changes_at_once(void **state)
{
    static const char *const texts[] = {
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\"], build: \"1\"}}\n" RULES,
        LISTEN
        "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:3\"], build: \"1\"}}\n" RULES,
        LISTEN
        "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"2\"}}\n" RULES,
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\", "
               "balance: hash}}\n" RULES,
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\", "
               "max_requests: 7}}\n" RULES,
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\", "
               "slow_start: 30s}}\n" RULES,
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\", "
               "health: {path: /x}}}\n" RULES,
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\", "
               "health: {down_after: 9}}}\n" RULES,
        LISTEN "versions: {blue: {endpoints: [\"127.0.0.1:1\", \"127.0.0.1:2\"], build: \"1\"}, "
               "green: {endpoints: [\"127.0.0.1:9\"]}}\n" RULES,
        "listen: [\"127.0.0.1:1\"]\n" VERSIONS RULES,
        "listen: [\"127.0.0.1:0\", \"127.0.0.1:1\"]\n" VERSIONS RULES,
        "listen: [{address: \"127.0.0.1:0\", proxy_protocol: true}]\n" VERSIONS RULES,
        LISTEN "metrics: \"127.0.0.1:9\"\n" VERSIONS RULES,
        LISTEN "log: {access: ./a}\n" VERSIONS RULES,
        LISTEN "log: {format: combined}\n" VERSIONS RULES,
        LISTEN "trusted_proxies: [\"10.0.0.0/8\"]\n" VERSIONS RULES,
        LISTEN "limits: {queue: 5}\n" VERSIONS RULES,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect(LISTEN VERSIONS RULES, texts[i], NULL, true);
    expect(LISTEN "trusted_proxies: [\"10.0.0.0/8\"]\n" VERSIONS RULES,
           LISTEN "trusted_proxies: [\"10.0.0.0/9\"]\n" VERSIONS RULES, NULL, true);
    expect(LISTEN VERSIONS RULES, LISTEN VERSIONS "rules: [{name: x, weights: {blue: 2}}]\n", NULL,
           false); /* rules are compared elsewhere */
}

/* Every byte of the limits is looked at, but for the few between fields: a limit that is added must
 * be compared as well. */
static void test_reload_compares_every_limit(void **state)
{
    struct px_config *old = parse(LISTEN VERSIONS RULES);
    struct px_config *fresh = parse(LISTEN VERSIONS RULES);
    unsigned char *bytes = (unsigned char *)&fresh->limits;
    size_t unseen = 0;

    (void)state;
    fresh->limits = old->limits;
    for (size_t i = 0; i < sizeof(fresh->limits); i++) {
        bytes[i] ^= 0x55;
        bool is_seen = px_reload_changes_config(old, fresh);
        json_t *settings = px_reload_settings(old, fresh);

        unseen += !is_seen;
        if ((json_array_size(settings) == 1) != is_seen)
            fail_msg("byte %zu: %zu settings told", i, json_array_size(settings));
        json_decref(settings);
        bytes[i] ^= 0x55;
    }
    assert_true(unseen <= 20);
    assert_int_equal(unseen % 4, 0); /* gaps in front of 64-bit numbers */
    px_config_free(old);
    px_config_free(fresh);
}

/* Each as "name: before -> after". */
static void expect_settings(const char *old_text, const char *fresh_text, const char *lines)
{
    struct px_config *old = parse(old_text);
    struct px_config *fresh = parse(fresh_text);
    json_t *settings = px_reload_settings(old, fresh);
    char told[1024] = "";
    size_t i;
    json_t *row;

    json_array_foreach(settings, i, row)
    {
        const char *before = json_string_value(json_object_get(row, "before"));
        const char *after = json_string_value(json_object_get(row, "after"));
        size_t len = strlen(told);

        snprintf(told + len, sizeof(told) - len, "%s: %s -> %s\n",
                 json_string_value(json_object_get(row, "name")), before ? before : "-",
                 after ? after : "-");
    }
    assert_string_equal(told, lines);
    json_decref(settings);
    px_config_free(old);
    px_config_free(fresh);
}

static void test_reload_tells_settings_in_words_of_the_file(void **state)
{
    (void)state;
    expect_settings(LISTEN VERSIONS RULES,
                    "listen: [\"127.0.0.1:0\", {address: \"[::1]:8\", proxy_protocol: true}]\n"
                    "trusted_proxies: [\"10.0.0.0/8\", \"::1/128\"]\n"
                    "limits: {memory: off, queue: 7, keep_alive: 30s, side_buffer: 32KiB}\n"
                    "versions:\n  blue: {endpoints: [\"127.0.0.1:1\"], slow_start: 5s}\n"
                    "  green: {endpoints: [\"127.0.0.1:8\", \"127.0.0.1:9\"]}\n" RULES,
                    "listen: 127.0.0.1:0 -> 127.0.0.1:0, [::1]:8 (proxy_protocol)\n"
                    "trusted_proxies: - -> 10.0.0.0/8, ::1/128\n"
                    "version blue endpoints: 127.0.0.1:1, 127.0.0.1:2 -> 127.0.0.1:1\n"
                    "version blue build: 1 -> -\n"
                    "version blue slow_start: 0s -> 5s\n"
                    "version green: - -> 127.0.0.1:8, 127.0.0.1:9\n"
                    "limit keep_alive: 1m -> 30s\n"
                    "limit side_buffer: 64KiB -> 32KiB\n"
                    "limit queue: 128 -> 7\n"
                    "limit memory: auto -> off\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reload_what_needs_another_process),
        cmocka_unit_test(test_reload_what_changes_at_once),
        cmocka_unit_test(test_reload_compares_every_limit),
        cmocka_unit_test(test_reload_tells_settings_in_words_of_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
