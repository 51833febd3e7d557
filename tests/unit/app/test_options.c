/* options: flags, variables, defaults, and a message for each mistake. */
#include "app/options.h"
#include "tests/unit/app/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char problems[8192];
static struct app_options options;
static const char *const *environment; /* name, value, …, NULL */

static const char *look_up(const char *name)
{
    for (const char *const *pair = environment; pair != NULL && *pair != NULL; pair += 2) {
        if (strcmp(*pair, name) == 0) {
            return pair[1];
        }
    }
    return NULL;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int parse(const char *const *words)
{
    struct app_text text;
    app_text_init(&text, problems, sizeof(problems));
    memset(&options, 0, sizeof(options));
    return app_options_parse(words, look_up, "host-7", &options, &text);
}

static int setup(void **state)
{
    (void)state;
    environment = NULL;
    return 0;
}

static const char *listen_text(void)
{
    static char text[APP_ADDRESS_SIZE];
    return app_address_format(&options.listen, text);
}

static void test_options_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse(WORDS("--version", "blue", "--data", "d")), 0);
    assert_string_equal(listen_text(), "127.0.0.1:5000");
    assert_string_equal(options.version, "blue");
    assert_string_equal(options.build, "1");
    assert_string_equal(options.name, "host-7");
    assert_string_equal(options.data, "d");
    assert_string_equal(options.faults, "");
    assert_false(options.has_faults_listen);
    assert_false(options.allow_import);
    assert_int_equal(options.idle_timeout_s, 60);
    assert_int_equal(options.max_connections, 4096);
    assert_int_equal(options.stop_delay_ms, 0);
    assert_int_equal(options.stop_linger_ms, 500);
    assert_int_equal(options.stop_grace_ms, 25000);
}

static void test_options_from_the_command_line(void **state)
{
    (void)state;
    assert_int_equal(
        parse(WORDS("--listen=0.0.0.0:80", "--version=green", "--build", "v2@sha256:ab", "--name",
                    "app-green-3", "--data", "/data", "--allow-import", "--faults-listen",
                    "[::1]:0", "--faults", "error_rate=5", "--idle-timeout", "2m",
                    "--max-connections", "10", "--stop-delay", "1500ms", "--stop-linger", "0",
                    "--stop-grace", "5")),
        0);
    assert_string_equal(listen_text(), "0.0.0.0:80");
    assert_string_equal(options.version, "green");
    assert_string_equal(options.build, "v2@sha256:ab");
    assert_string_equal(options.name, "app-green-3");
    assert_string_equal(options.data, "/data");
    assert_string_equal(options.faults, "error_rate=5");
    assert_true(options.allow_import);
    assert_true(options.has_faults_listen);
    assert_int_equal(options.idle_timeout_s, 120);
    assert_int_equal(options.max_connections, 10);
    assert_int_equal(options.stop_delay_ms, 1500);
    assert_int_equal(options.stop_linger_ms, 0);
    assert_int_equal(options.stop_grace_ms, 5000);
}

static void test_options_from_the_environment(void **state)
{
    static const char *const pairs[] = {"COUNTER_LISTEN",
                                        "127.0.0.1:7",
                                        "COUNTER_VERSION",
                                        "green",
                                        "COUNTER_BUILD",
                                        "9",
                                        "COUNTER_NAME",
                                        "pod",
                                        "COUNTER_DATA",
                                        "e",
                                        "COUNTER_ALLOW_IMPORT",
                                        "true",
                                        "COUNTER_STOP_GRACE",
                                        "3s",
                                        "COUNTER_FAULTS_LISTEN",
                                        "127.0.0.1:0",
                                        NULL};
    const char *const none[] = {NULL};
    (void)state;
    environment = pairs;
    assert_int_equal(parse(none), 0);
    assert_string_equal(listen_text(), "127.0.0.1:7");
    assert_string_equal(options.version, "green");
    assert_string_equal(options.build, "9");
    assert_string_equal(options.name, "pod");
    assert_string_equal(options.data, "e");
    assert_true(options.allow_import);
    assert_true(options.has_faults_listen);
    assert_int_equal(options.stop_grace_ms, 3000);
}

static void test_options_command_line_wins_and_the_last_of_two(void **state)
{
    static const char *const pairs[] = {"COUNTER_VERSION", "green", "COUNTER_ALLOW_IMPORT", "1",
                                        NULL};
    (void)state;
    environment = pairs;
    assert_int_equal(
        parse(WORDS("--version", "red", "--data", "d", "--version", "blue", "--allow-import=0")),
        0);
    assert_string_equal(options.version, "blue");
    assert_false(options.allow_import);
}

/* Kubernetes makes these for a Service named counter. */
static void test_options_leave_foreign_variables_alone(void **state)
{
    static const char *const pairs[] = {"COUNTER_PORT", "tcp://10.0.0.1:5000",
                                        "COUNTER_SERVICE_HOST", "10.0.0.1", NULL};
    (void)state;
    environment = pairs;
    assert_int_equal(parse(WORDS("--version", "blue", "--data", "d")), 0);
}

static void check_refused(const char *const *words, const char *problem)
{
    assert_int_equal(parse(words), -EINVAL);
    if (strstr(problems, problem) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", problem, problems);
    }
}

static void test_options_refuse_bad_values(void **state)
{
    static const char *const rows[][2] = {{"--listen", "5000"},
                                          {"--listen", "host:5000"},
                                          {"--version", ""},
                                          {"--version", "a b"},
                                          {"--build", "<1>"},
                                          {"--name", "a\"b"},
                                          {"--data", ""},
                                          {"--faults-listen", "0.0.0.0:0"},
                                          {"--faults-listen", "x"},
                                          {"--idle-timeout", "0s"},
                                          {"--idle-timeout", "10ms"},
                                          {"--idle-timeout", "61m"},
                                          {"--max-connections", "0"},
                                          {"--max-connections", "60001"},
                                          {"--stop-delay", ""},
                                          {"--stop-delay", "s"},
                                          {"--stop-delay", "1h"},
                                          {"--stop-delay", "1.5s"},
                                          {"--stop-linger", "99999999999999999999"},
                                          {"--stop-grace", "-1"},
                                          {"--stop-grace", "3601s"}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "%s \"%s\": expected ", rows[i][0], rows[i][1]);
        check_refused(WORDS("--version", "blue", "--data", "d", rows[i][0], rows[i][1]), expected);
    }
    check_refused(WORDS("--version", "blue", "--data", "d", "--allow-import=x"),
                  "--allow-import \"x\": expected 1 or 0");
}

static void test_options_hold_words_to_255_bytes(void **state)
{
    char word[257];
    (void)state;
    memset(word, 'a', 256);
    word[256] = '\0';
    check_refused(WORDS("--data", "d", "--version", word), "--version \"aaa");
    word[255] = '\0';
    assert_int_equal(parse(WORDS("--data", "d", "--version", word)), 0);
}

static void test_options_name_the_variable(void **state)
{
    static const char *const pairs[] = {"COUNTER_STOP_DELAY", "soon", NULL};
    (void)state;
    environment = pairs;
    check_refused(WORDS("--version", "blue", "--data", "d"),
                  "COUNTER_STOP_DELAY \"soon\": expected a duration");
}

static void test_options_tell_all_mistakes_at_once(void **state)
{
    (void)state;
    check_refused(WORDS("--listen", "x", "stray", "--nothing=1", "--build"), "--listen \"x\"");
    assert_non_null(strstr(problems, "unknown option \"stray\""));
    assert_non_null(strstr(problems, "unknown option \"--nothing=1\""));
    assert_non_null(strstr(problems, "--build: a value is missing"));
    assert_non_null(strstr(problems, "--version is missing"));
    assert_non_null(strstr(problems, "--data is missing"));
}

static void test_options_refuse_prefixes_of_names(void **state)
{
    (void)state;
    check_refused(WORDS("--vers", "blue", "--data", "d"), "unknown option \"--vers\"");
    check_refused(WORDS("--", "--data", "d"), "unknown option \"--\"");
    check_refused(WORDS("-version", "blue"), "unknown option \"-version\"");
}

static void test_options_help_wins_over_mistakes(void **state)
{
    (void)state;
    assert_int_equal(parse(WORDS("--listen", "x", "--help")), 0);
    assert_true(options.help);
    assert_int_equal(parse(WORDS("-h")), 0);
    assert_true(options.help);
}

static void test_options_help_names_every_option(void **state)
{
    struct app_text text;
    (void)state;
    app_text_init(&text, problems, sizeof(problems));
    app_options_help(&text);
    assert_false(text.cut);
    assert_non_null(strstr(problems, "--faults-listen ADDRESS:PORT"));
    assert_non_null(strstr(problems, "COUNTER_STOP_LINGER"));
    assert_non_null(strstr(problems, "example:"));
    assert_non_null(strstr(problems, "POST /import"));
}

static void test_options_odd_host_names_are_replaced(void **state)
{
    struct app_text text;
    (void)state;
    app_text_init(&text, problems, sizeof(problems));
    assert_int_equal(
        app_options_parse(WORDS("--version", "b", "--data", "d"), look_up, "a b", &options, &text),
        0);
    assert_string_equal(options.name, "counter");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_options_defaults, setup),
        cmocka_unit_test_setup(test_options_from_the_command_line, setup),
        cmocka_unit_test_setup(test_options_from_the_environment, setup),
        cmocka_unit_test_setup(test_options_command_line_wins_and_the_last_of_two, setup),
        cmocka_unit_test_setup(test_options_leave_foreign_variables_alone, setup),
        cmocka_unit_test_setup(test_options_refuse_bad_values, setup),
        cmocka_unit_test_setup(test_options_hold_words_to_255_bytes, setup),
        cmocka_unit_test_setup(test_options_name_the_variable, setup),
        cmocka_unit_test_setup(test_options_tell_all_mistakes_at_once, setup),
        cmocka_unit_test_setup(test_options_refuse_prefixes_of_names, setup),
        cmocka_unit_test_setup(test_options_help_wins_over_mistakes, setup),
        cmocka_unit_test_setup(test_options_help_names_every_option, setup),
        cmocka_unit_test_setup(test_options_odd_host_names_are_replaced, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
