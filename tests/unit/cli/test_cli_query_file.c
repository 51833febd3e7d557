#include "cli/file.h"
#include "cli/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void test_query_escapes_all_but_unreserved(void **state)
{
    struct cli_query query;

    (void)state;
    cli_query_start(&query, "/v1/explain");
    cli_query_add(&query, "path", "/a?b=c&d");
    cli_query_add(&query, "header", "X-User: 7%\xff\r\n");
    cli_query_add(&query, "plain", "aZ09-._~");
    assert_string_equal(cli_query_end(&query),
                        "/v1/explain?path=%2Fa%3Fb%3Dc%26d&header=X-User%3A%207%25%FF%0D%0A"
                        "&plain=aZ09-._~");
    cli_query_free(&query);
}

static void test_query_without_parameters_is_the_path(void **state)
{
    struct cli_query query;

    (void)state;
    cli_query_start(&query, "/v1/rules");
    assert_string_equal(cli_query_end(&query), "/v1/rules");
    cli_query_free(&query);
    cli_query_start(&query, "/left/open");
    cli_query_free(&query);
}

static void test_file_is_read_whole(void **state)
{
    char path[] = "/tmp/turnout-file-XXXXXX";
    int fd = mkstemp(path);
    struct tn_str text;
    char *why = NULL;

    (void)state;
    assert_int_equal(write(fd, "a\0b\n", 4), 4);
    close(fd);
    char *bytes = cli_read_file(path, &text, &why);
    assert_non_null(bytes);
    assert_int_equal(text.len, 4);
    assert_memory_equal(bytes, "a\0b\n", 4);
    free(bytes);
    unlink(path);
}

static void test_file_says_why_not(void **state)
{
    char path[] = "/tmp/turnout-file-XXXXXX";
    int fd = mkstemp(path);
    struct tn_str text;
    char *why = NULL;

    (void)state;
    assert_null(cli_read_file("/nonexistent", &text, &why));
    assert_string_equal(why, "/nonexistent: No such file or directory");
    free(why);
    assert_null(cli_read_file("/", &text, &why));
    assert_string_equal(why, "/: Is a directory");
    free(why);
    assert_int_equal(ftruncate(fd, CLI_FILE_MAX + 1), 0);
    assert_null(cli_read_file(path, &text, &why));
    assert_non_null(strstr(why, ": File too large"));
    free(why);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_escapes_all_but_unreserved),
        cmocka_unit_test(test_query_without_parameters_is_the_path),
        cmocka_unit_test(test_file_is_read_whole),
        cmocka_unit_test(test_file_says_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
