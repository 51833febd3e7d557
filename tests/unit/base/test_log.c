#include "lib/base/log.h"

#include "tests/unit/base/test.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int old_stderr, pipe_ends[2];

static int setup(void **state)
{
    (void)state;
    old_stderr = dup(STDERR_FILENO);
    /* Only our end does not block: a shell's pipe is like that. */
    if (old_stderr < 0 || pipe(pipe_ends) < 0 || fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK) < 0 ||
        dup2(pipe_ends[1], STDERR_FILENO) < 0)
        return -1;
    tn_log_set_level(TN_LOG_INFO);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)dup2(old_stderr, STDERR_FILENO);
    (void)close(old_stderr);
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    return 0;
}

static const char *written(void)
{
    static char text[8192];
    ssize_t len = read(pipe_ends[0], text, sizeof(text) - 1);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void test_log_line(void **state)
{
    const char *text;

    (void)state;
    tn_log(TN_LOG_WARNING, "health", "%s is down (%d)", "blue/1", 7);
    text = written();
    /* 2026-11-03T07:12:33.123Z, whatever the time is */
    assert_int_equal(strspn(text, "0123456789-T:.Z"), 24);
    assert_string_equal(text + 24, " warning health: blue/1 is down (7)\n");
}

static void test_log_level(void **state)
{
    (void)state;
    tn_log(TN_LOG_DEBUG, "a", "not told");
    assert_string_equal(written(), "");
    tn_log_set_level(TN_LOG_DEBUG);
    tn_log(TN_LOG_DEBUG, "a", "told");
    assert_string_equal(written() + 24, " debug a: told\n");
    tn_log_set_level(TN_LOG_ERROR);
    tn_log(TN_LOG_WARNING, "a", "not told");
    tn_log(TN_LOG_ERROR, "a", "told");
    assert_string_equal(written() + 24, " error a: told\n");
}

static void test_log_text_of_a_peer_stays_on_its_line(void **state)
{
    (void)state;
    tn_log(TN_LOG_INFO, "a", "%s", "x\n2026 error b: forged\r\x1b[2J\x7f\tend");
    assert_string_equal(written() + 24, " info a: x?2026 error b: forged??[2J??end\n");
}

static void test_log_long_lines_are_cut(void **state)
{
    char text[5000];
    const char *line;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    tn_log(TN_LOG_INFO, "a", "%s", text);
    line = written();
    assert_int_equal(strlen(line), 2048);
    assert_int_equal(line[2046], 'x');
    assert_int_equal(line[2047], '\n');
    text[2048 - 24 - 9 - 1] = '\0'; /* the longest that fits */
    tn_log(TN_LOG_INFO, "a", "%s", text);
    line = written();
    assert_int_equal(strlen(line), 2048);
}

/* A full pipe loses the line; nobody waits (or the alarm ends this). */
static void test_log_full_pipe_loses_the_line(void **state)
{
    (void)state;
    (void)alarm(20);
    for (int i = 0; i < 100; i++) {
        char text[2000];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        tn_log(TN_LOG_INFO, "a", "%s", text);
    }
    while (written()[0] != '\0')
        continue;
    tn_log(TN_LOG_INFO, "a", "again");
    assert_string_equal(written() + 24, " info a: again\n");
    (void)alarm(0);
}

static void test_log_closed_pipe_loses_the_line(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    (void)close(pipe_ends[0]);
    tn_log(TN_LOG_INFO, "a", "nobody reads this");
    pipe_ends[0] = -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_text_of_a_peer_stays_on_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_long_lines_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_full_pipe_loses_the_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_closed_pipe_loses_the_line, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
