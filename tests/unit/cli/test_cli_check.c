#include "capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/turnout-check-XXXXXX";

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int check(struct capture *capture, const char *option, const char *file)
{
    char *argv[] = {(char *)(uintptr_t) "check", (char *)(uintptr_t)option, (char *)(uintptr_t)file,
                    NULL};

    capture_start(capture);
    return cli_check(&capture->context, file ? 3 : option ? 2 : 1, argv);
}

static const char good[] = "listen: [\"127.0.0.1:8080\"]\n"
                           "versions:\n"
                           "  blue: {endpoints: [\"127.0.0.1:5001\", \"127.0.0.1:5002\"]}\n"
                           "rules:\n"
                           "  - {name: main, weights: {blue: 1}}\n";

static void test_check_accepts_and_counts(void **state)
{
    struct capture capture;

    (void)state;
    write_file("a.yaml", good);
    assert_int_equal(check(&capture, "-c", "a.yaml"), CLI_DONE);
    assert_string_equal(capture_out(&capture), "a.yaml: ok: 1 version with 2 endpoints, 1 rule\n");
    assert_string_equal(capture_err(&capture), "");
    capture_end(&capture);
    unlink("a.yaml");
}

static void test_check_finds_the_file_of_this_folder(void **state)
{
    struct capture capture;

    (void)state;
    write_file("turnout.yaml", good);
    assert_int_equal(check(&capture, NULL, NULL), CLI_DONE);
    assert_int_equal(strncmp(capture_out(&capture), "./turnout.yaml: ok", 18), 0);
    capture_end(&capture);
    unlink("turnout.yaml");
}

static void test_check_reports_mistakes_and_how_many(void **state)
{
    struct capture capture;

    (void)state;
    write_file("a.yaml", "threads: many\n");
    assert_int_equal(check(&capture, "-c", "a.yaml"), CLI_FAILED);
    assert_string_equal(capture_out(&capture), "");
    assert_non_null(strstr(capture_err(&capture), "a.yaml:1:10: error: threads: "));
    assert_non_null(strstr(capture_err(&capture), "\na.yaml: 4 errors\n"));
    capture_end(&capture);
    unlink("a.yaml");
}

static void test_check_tells_why_a_file_cannot_be_read(void **state)
{
    struct capture capture;

    (void)state;
    assert_int_equal(check(&capture, "-c", "none.yaml"), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture), "No such file or directory"));
    capture_end(&capture);
    assert_int_equal(check(&capture, "-c", "."), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture), "Is a directory"));
    capture_end(&capture);
}

static void test_check_says_where_it_looked(void **state)
{
    struct capture capture;

    (void)state;
    if (access("/etc/turnout/turnout.yaml", F_OK) == 0)
        skip();
    assert_int_equal(check(&capture, NULL, NULL), CLI_FAILED);
    assert_string_equal(capture_err(&capture),
                        "turnout check: no configuration file: there is no ./turnout.yaml and no "
                        "/etc/turnout/turnout.yaml. Name one with -c FILE.\n");
    capture_end(&capture);
}

static void test_check_takes_a_file_only_by_its_option(void **state)
{
    struct capture capture;

    (void)state;
    assert_int_equal(check(&capture, "a.yaml", NULL), CLI_WRONG_USAGE);
    assert_non_null(strstr(capture_err(&capture), "unexpected argument 'a.yaml'; a file is given "
                                                  "as: turnout check -c a.yaml\n"));
    capture_end(&capture);
    assert_int_equal(check(&capture, "-o", "json"), CLI_WRONG_USAGE);
    assert_non_null(strstr(capture_err(&capture), "--output is for --against"));
    capture_end(&capture);
    assert_int_equal(check(&capture, "--admin", "unix:x"), CLI_WRONG_USAGE);
    assert_non_null(strstr(capture_err(&capture), "--admin is for --against"));
    capture_end(&capture);
    assert_int_equal(check(&capture, "-o", "xml"), CLI_WRONG_USAGE);
    assert_non_null(strstr(capture_err(&capture), "expected table, json or yaml"));
    capture_end(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_accepts_and_counts),
        cmocka_unit_test(test_check_finds_the_file_of_this_folder),
        cmocka_unit_test(test_check_reports_mistakes_and_how_many),
        cmocka_unit_test(test_check_tells_why_a_file_cannot_be_read),
        cmocka_unit_test(test_check_says_where_it_looked),
        cmocka_unit_test(test_check_takes_a_file_only_by_its_option),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
