/* One try against real listeners and commands of our own, and what hooks make of tries. */
#include "engine/hooks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static _Atomic bool never;

static int listen_on(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    snprintf(url, 64, "http://127.0.0.1:%u/hook?a=b", ntohs(address.sin_port));
    return fd;
}

/* Answers one request after the other; ends 9 when a request is not what it should be. */
static pid_t answer(int fd, const char *const *answers)
{
    pid_t pid = fork();

    if (pid > 0)
        return pid;
    for (; *answers; answers++) {
        char text[1000] = "";
        size_t len = 0;
        int client = accept(fd, NULL, NULL);

        while (!strstr(text, "{}") && len < sizeof(text) - 1) {
            ssize_t n = read(client, text + len, sizeof(text) - 1 - len);
            if (n <= 0)
                break;
            len += (size_t)n;
        }
        if (strncmp(text, "POST /hook?a=b HTTP/1.1\r\n", 25) != 0 ||
            !strstr(text, "\r\nContent-Length: 2\r\n") || !strstr(text, "\r\n\r\n{}"))
            _exit(9);
        if (write(client, *answers, strlen(*answers)) < 0)
            _exit(8);
        close(client);
    }
    _exit(0);
}

static void assert_ended_well(pid_t pid)
{
    int status;

    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static enum en_try try_answer(const char *text, char why[160])
{
    const char *answers[] = {text, NULL};
    char url[64];
    int fd = listen_on(url);
    pid_t pid = answer(fd, answers);
    enum en_try said = en_try_url(url, "{}", 5000, &never, why);

    close(fd);
    assert_ended_well(pid);
    return said;
}

static void test_hook_url_says_yes_by_three_statuses(void **state)
{
    char why[160];

    (void)state;
    assert_int_equal(try_answer("HTTP/1.1 200 OK\r\n\r\n", why), EN_TRY_YES);
    assert_int_equal(try_answer("HTTP/1.1 202 Accepted\r\n\r\n", why), EN_TRY_YES);
    assert_int_equal(try_answer("HTTP/1.0 204 No Content\r\n\r\n", why), EN_TRY_NOT_YET);
    assert_int_equal(try_answer("HTTP/1.1 503 Wait\r\n\r\n", why), EN_TRY_NOT_YET);
    assert_string_equal(why, "answered 503");
    assert_int_equal(try_answer("what is it\r\n\r\n", why), EN_TRY_FAILED);
    assert_string_equal(why, "not HTTP");
    assert_int_equal(try_answer("HTTP", why), EN_TRY_FAILED);
}

static void test_hook_url_fails_in_time(void **state)
{
    char url[64];
    char why[160];
    int fd = listen_on(url);

    (void)state;
    assert_int_equal(en_try_url(url, "{}", 100, &never, why), EN_TRY_FAILED); /* nobody accepts */
    assert_string_equal(why, "no answer in time");
    close(fd);
    assert_int_equal(en_try_url(url, "{}", 1000, &never, why), EN_TRY_FAILED);
    assert_string_equal(why, "Connection refused");
    assert_int_equal(en_try_url("http://", "{}", 1000, &never, why), EN_TRY_FAILED);
    assert_int_equal(en_try_url("http://127.0.0.1:123456/", "{}", 1000, &never, why),
                     EN_TRY_FAILED);
}

static enum en_try try_command(const char *script, uint64_t timeout_ms, char why[160])
{
    char shell[] = "sh";
    char option[] = "-c";
    char *copy = strdup(script);
    char *command[] = {shell, option, copy, NULL};
    enum en_try said = en_try_command(command, "{\"a\": 1}", timeout_ms, &never, why);

    free(copy);
    return said;
}

static void test_hook_command_says_yes_by_its_exit_code(void **state)
{
    char why[160];

    (void)state;
    assert_int_equal(try_command("test \"$(cat)\" = '{\"a\": 1}'", 5000, why), EN_TRY_YES);
    assert_int_equal(try_command("exit 3", 5000, why), EN_TRY_FAILED);
    assert_string_equal(why, "exit code 3");
    assert_int_equal(try_command("kill -9 $$", 5000, why), EN_TRY_FAILED);
    assert_string_equal(why, "killed by signal 9");
    assert_int_equal(try_command("sleep 60", 100, why), EN_TRY_FAILED);
    assert_string_equal(why, "did not end in time");
}

/* --- several tries -----------------------------------------------------------------------------
 */

static bool wait_next(struct en_hooks *hooks, char key[EN_HOOK_KEY_SIZE], char why[160])
{
    const struct timespec look = {.tv_nsec = 5000000};
    bool is_good = false;

    for (int i = 0; i < 2000; i++) {
        if (en_hooks_next(hooks, key, &is_good, why))
            return is_good;
        nanosleep(&look, NULL);
    }
    fail_msg("it does not end");
    return false;
}

static void test_hooks_ask_again_what_is_not_yet(void **state)
{
    const char *answers[] = {"HTTP/1.1 503 a\r\n\r\n", "HTTP/1.1 200 a\r\n\r\n", NULL};
    struct en_hooks *hooks = en_hooks_new();
    struct en_hook_config config = {.timeout_ms = 5000, .retries = 0};
    json_t *body = json_object();
    char key[EN_HOOK_KEY_SIZE];
    char why[160];
    char url[64];
    int fd = listen_on(url);
    pid_t pid = answer(fd, answers);

    (void)state;
    config.url = url;
    assert_int_equal(en_hooks_start(hooks, "before", &config, body, false), 0);
    assert_true(en_hooks_is_running(hooks, "before"));
    assert_false(en_hooks_is_running(hooks, "after"));
    assert_true(wait_next(hooks, key, why));
    assert_string_equal(key, "before");
    assert_false(en_hooks_is_running(hooks, "before"));
    close(fd);
    assert_ended_well(pid);
    json_decref(body);
    en_hooks_free(hooks);
}

static void test_hooks_fail_when_their_tries_are_used_up(void **state)
{
    const char *answers[] = {"HTTP/1.1 500 a\r\n\r\n", NULL};
    struct en_hooks *hooks = en_hooks_new();
    struct en_hook_config config = {.timeout_ms = 5000, .retries = 0};
    json_t *body = json_object();
    char key[EN_HOOK_KEY_SIZE];
    char why[160];
    char url[64];
    int fd = listen_on(url);
    pid_t pid = answer(fd, answers);

    (void)state;
    config.url = url;
    assert_int_equal(en_hooks_start(hooks, "test", &config, body, true), 0);
    assert_false(wait_next(hooks, key, why));
    assert_string_equal(why, "answered 500");
    close(fd);
    assert_ended_well(pid);
    json_decref(body);
    en_hooks_free(hooks);
}

static void test_hooks_are_bounded_and_end_with_the_engine(void **state)
{
    struct en_hooks *hooks = en_hooks_new();
    char program[] = "sleep";
    char time_text[] = "600";
    char *command[] = {program, time_text, NULL};
    struct en_hook_config config = {.command = command, .timeout_ms = 600000};
    json_t *body = json_object();
    char key[EN_HOOK_KEY_SIZE];
    char why[160];
    bool is_good;

    (void)state;
    for (int i = 0; i < EN_HOOKS_MAX; i++)
        assert_int_equal(en_hooks_start(hooks, "x", &config, body, false), 0);
    assert_int_equal(en_hooks_start(hooks, "x", &config, body, false), -EAGAIN);
    en_hooks_forget(hooks);
    assert_false(en_hooks_is_running(hooks, "x"));
    assert_false(en_hooks_next(hooks, key, &is_good, why));
    en_hooks_free(hooks); /* would take ten minutes otherwise */
    en_hooks_free(NULL);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hook_url_says_yes_by_three_statuses),
        cmocka_unit_test(test_hook_url_fails_in_time),
        cmocka_unit_test(test_hook_command_says_yes_by_its_exit_code),
        cmocka_unit_test(test_hooks_ask_again_what_is_not_yet),
        cmocka_unit_test(test_hooks_fail_when_their_tries_are_used_up),
        cmocka_unit_test(test_hooks_are_bounded_and_end_with_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
