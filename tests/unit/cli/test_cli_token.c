#include "cli/cli.h"
#include "lib/api/tokens.h"
#include "tests/unit/cli/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int run(struct capture *capture, const char *const *words)
{
    char copies[8][128];
    char *argv[9] = {0};
    int argc = 0;

    for (; words[argc]; argc++) {
        snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    capture_start(capture);
    return cli_token(&capture->context, argc, argv);
}

/* The line is one that the server takes, and lets the token in. */
static void assert_fits(const char *line, const char *token)
{
    struct tn_tokens *tokens = NULL;
    struct tn_token_owner owner;
    char *why = NULL;

    assert_int_equal(tn_tokens_parse(tn_str_of(line), "tokens", &why, &tokens), 0);
    assert_true(tn_tokens_find(tokens, tn_str_of(token), &owner));
    assert_string_equal(owner.name, "ci");
    assert_int_equal(owner.role, TN_API_OPERATE);
    tn_tokens_free(tokens);
}

static void test_token_line_to_out_and_token_to_err(void **state)
{
    const char *const words[] = {"token", "--name", "ci", "--role", "operate", NULL};
    struct capture capture;
    char token[TN_TOKEN_SIZE] = "";
    const char *found;

    (void)state;
    assert_int_equal(run(&capture, words), CLI_DONE);
    found = strstr(capture_err(&capture), "tt_");
    assert_non_null(found);
    memcpy(token, found, TN_TOKEN_SIZE - 1);
    assert_fits(capture_out(&capture), token);
    assert_null(strstr(capture_out(&capture), "tt_"));
    capture_end(&capture);
}

static void test_token_into_a_new_file(void **state)
{
    char folder[] = "/tmp/turnout-token-XXXXXX";
    char path[64];
    const char *const words[] = {"token", "--name", "ci", "--role", "operate", "--out", path, NULL};
    struct capture capture;
    char token[TN_TOKEN_SIZE + 1] = "";
    struct stat status;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/t", folder);
    assert_int_equal(run(&capture, words), CLI_DONE);
    assert_null(strstr(capture_err(&capture), "tt_"));
    file = fopen(path, "r");
    assert_non_null(fgets(token, sizeof(token), file));
    fclose(file);
    assert_int_equal(strlen(token), TN_TOKEN_SIZE); /* and the end of the line */
    token[TN_TOKEN_SIZE - 1] = '\0';
    assert_fits(capture_out(&capture), token);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    capture_end(&capture);
    /* nobody's token is overwritten */
    assert_int_equal(run(&capture, words), CLI_FAILED);
    assert_non_null(strstr(capture_err(&capture), "File exists"));
    assert_string_equal(capture_out(&capture), "");
    capture_end(&capture);
    remove(path);
    rmdir(folder);
}

static void test_token_wrong_usage(void **state)
{
    static const struct {
        const char *words[8];
        const char *part;
    } rows[] = {
        {{"token", "--role", "read"}, "--name is missing"},
        {{"token", "--name", "x"}, "--role is missing"},
        {{"token", "--name", "a b", "--role", "read"}, "--name: expected letters"},
        {{"token", "--name", "x", "--role", "admin"}, "read or operate, found 'admin'"},
        {{"token", "--name", "x", "--role", "read", "more"}, "more"},
    };
    struct capture capture;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(run(&capture, rows[i].words), CLI_WRONG_USAGE);
        if (!strstr(capture_err(&capture), rows[i].part))
            fail_msg("'%s', expected '%s'", capture_err(&capture), rows[i].part);
        assert_string_equal(capture_out(&capture), "");
        capture_end(&capture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_line_to_out_and_token_to_err),
        cmocka_unit_test(test_token_into_a_new_file),
        cmocka_unit_test(test_token_wrong_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
