#include "lib/client/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(unsigned status, const char *body, const char *file, const char *expected)
{
    char copy[512];
    const struct tn_client_answer answer = {
        .status = status, .body = copy, .body_len = strlen(body)};

    memcpy(copy, body, strlen(body) + 1);
    char *text = tn_client_problem_text(&answer, file);
    assert_string_equal(text, expected);
    free(text);
}

static void test_problem_shows_the_detail(void **state)
{
    (void)state;
    expect(422, "{\"title\":\"Refused\",\"detail\":\"no version 'gren' (did you mean 'green'?)\"}",
           NULL, "no version 'gren' (did you mean 'green'?)");
}

static void test_problem_shows_the_title_without_detail(void **state)
{
    (void)state;
    expect(503, "{\"title\":\"Stopping\"}", NULL, "Stopping");
    expect(503, "{\"title\":\"Stopping\",\"detail\":\"\"}", NULL, "Stopping");
    expect(500, "{}", NULL, "refused with HTTP status 500");
}

static void test_problem_lists_errors_with_their_places(void **state)
{
    const char *body = "{\"detail\":\"2 mistakes\",\"errors\":["
                       "{\"line\":3,\"column\":5,\"text\":\"unknown key\"},"
                       "{\"text\":\"no rule matches everything\"},{\"line\":1}]}";

    (void)state;
    expect(422, body, "rules.yaml",
           "2 mistakes\nrules.yaml:3:5: unknown key\nrules.yaml: no rule matches everything");
    expect(422, body, NULL,
           "2 mistakes\nline 3, column 5: unknown key\nno rule matches everything");
}

static void test_problem_may_name_the_file_itself(void **state)
{
    const char *body = "{\"detail\":\"bad\",\"file\":\"turnout.yaml\",\"errors\":["
                       "{\"line\":3,\"column\":5,\"text\":\"bad\"}]}";

    (void)state;
    expect(422, body, NULL, "turnout.yaml:3:5: bad");
    expect(422, body, "r.yaml", "r.yaml:3:5: bad");
}

static void test_problem_says_its_only_error_once(void **state)
{
    (void)state;
    expect(422,
           "{\"detail\":\"bad\",\"errors\":[{\"line\":3,\"column\":5,\"text\":\"bad\"},"
           "{\"line\":4,\"column\":1,\"text\":\"worse\"}]}",
           "r.yaml", "r.yaml:3:5: bad\nr.yaml:4:1: worse");
}

static void test_problem_of_another_type_shows_its_first_line(void **state)
{
    (void)state;
    expect(404, "404 Not Found: no such page\nmore", NULL,
           "HTTP status 404: 404 Not Found: no such page");
    expect(502, "", NULL, "HTTP status 502");
    expect(500, "[1]", NULL, "HTTP status 500: [1]");
}

static void test_problem_cannot_touch_the_screen(void **state)
{
    (void)state;
    expect(422, "{\"detail\":\"a\\u001b[31mb\\u007f\\nsecond\"}", NULL, "a?[31mb?\nsecond");
    expect(500, "a\033[2Jb", NULL, "HTTP status 500: a?[2Jb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problem_shows_the_detail),
        cmocka_unit_test(test_problem_shows_the_title_without_detail),
        cmocka_unit_test(test_problem_lists_errors_with_their_places),
        cmocka_unit_test(test_problem_may_name_the_file_itself),
        cmocka_unit_test(test_problem_says_its_only_error_once),
        cmocka_unit_test(test_problem_of_another_type_shows_its_first_line),
        cmocka_unit_test(test_problem_cannot_touch_the_screen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
