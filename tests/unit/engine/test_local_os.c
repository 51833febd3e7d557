/* With real processes of our own, each ended here. */
#include "engine/local/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct en_os os;
static char folder[40];
static char output[60];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/turnout-os-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(output, sizeof(output), "%s/out", folder);
    en_os_init(&os);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return os.remove_folder(&os, folder);
}

static struct en_process make(const char *script, int *ret_gate)
{
    char shell[] = "sh";
    char option[] = "-c";
    char *copy = strdup(script);
    char *argv[] = {shell, option, copy, NULL};
    struct en_process process = {0};

    assert_int_equal(os.make(&os, argv, folder, output, &process, ret_gate), 0);
    assert_true(process.pid > 1 && process.start > 0);
    free(copy);
    return process;
}

/* Blocks until it has ended, without collecting it. */
static void wait_end(const struct en_process *process)
{
    siginfo_t info;

    assert_int_equal(waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOWAIT), 0);
}

static void test_local_os_runs_what_the_gate_lets_through(void **state)
{
    char why[80];
    char line[80];
    int gate;
    struct en_process process = make("echo hello; pwd; exit 3", &gate);

    (void)state;
    assert_true(os.is_alive(&os, &process, why, sizeof(why)));
    assert_int_equal(os.open_gate(&os, gate), 0);
    wait_end(&process);
    assert_false(os.is_alive(&os, &process, why, sizeof(why)));
    assert_string_equal(why, "exit code 3");
    os.last_line(&os, output, line, sizeof(line));
    assert_string_equal(line, folder);
}

static void test_local_os_leaves_nobody_behind_a_gate(void **state)
{
    char why[80];
    char line[80];
    int gate;
    struct en_process process = make("echo it ran", &gate);

    (void)state;
    os.drop_gate(&os, gate);
    wait_end(&process);
    assert_false(os.is_alive(&os, &process, why, sizeof(why)));
    os.last_line(&os, output, line, sizeof(line));
    assert_string_equal(line, "");
}

static void test_local_os_tells_a_missing_program(void **state)
{
    char program[] = "/nonexistent/program";
    char *argv[] = {program, NULL};
    struct en_process process;
    char line[120];
    char why[80];
    int gate;

    (void)state;
    assert_int_equal(os.make(&os, argv, folder, output, &process, &gate), 0);
    assert_int_equal(os.open_gate(&os, gate), 0);
    wait_end(&process);
    assert_false(os.is_alive(&os, &process, why, sizeof(why)));
    assert_string_equal(why, "exit code 127");
    os.last_line(&os, output, line, sizeof(line));
    assert_non_null(strstr(line, "cannot be run: /nonexistent/program: ENOENT"));
}

static void test_local_os_ends_a_whole_session(void **state)
{
    char why[80];
    char line[80] = "";
    int gate;
    int status = 0;
    struct en_process process = make("sleep 60 & echo $!; trap '' TERM; wait", &gate);
    struct en_process wrong = process;

    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    os.open_gate(&os, gate);
    while (!line[0])
        os.last_line(&os, output, line, sizeof(line));
    wrong.start++;
    os.end(&os, &wrong, true); /* another process of that number: not touched */
    assert_true(os.is_alive(&os, &process, why, sizeof(why)));
    os.end(&os, &process, true);
    wait_end(&process);
    assert_false(os.is_alive(&os, &process, why, sizeof(why)));
    assert_string_equal(why, "killed by signal 9 (KILL)");
    /* Its child went with it: we are whom it is left to. */
    assert_int_equal(waitpid((pid_t)strtol(line, NULL, 10), &status, 0), strtol(line, NULL, 10));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static void test_local_os_knows_a_stranger_by_its_start(void **state)
{
    struct en_process self = {.pid = getppid(), .start = 1};
    char why[80];

    (void)state;
    assert_false(os.is_alive(&os, &self, why, sizeof(why)));
    assert_non_null(strstr(why, "no engine was there"));
}

static int listen_on(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* A server in a child: answers one request with these bytes. */
static pid_t answer_once(int fd, const char *answer)
{
    pid_t pid = fork();

    if (pid == 0) {
        char text[500];
        int client = accept(fd, NULL, NULL);

        if (read(client, text, sizeof(text)) > 0 && write(client, answer, strlen(answer)) > 0)
            close(client);
        _exit(0);
    }
    return pid;
}

static void test_local_os_probes_all_at_once(void **state)
{
    struct en_os_probe probes[4] = {
        {.path = "/readyz"}, {.path = "/readyz"}, {.path = "/readyz"}, {.path = "/readyz"}};
    int fds[3];
    pid_t pids[2];
    int closed;

    (void)state;
    for (int i = 0; i < 3; i++)
        fds[i] = listen_on(&probes[i].port);
    closed = listen_on(&probes[3].port);
    close(closed);
    pids[0] = answer_once(fds[0], "HTTP/1.1 200 OK\r\n\r\n");
    pids[1] = answer_once(fds[1], "HTTP/1.1 503 Not Ready\r\n\r\n");
    os.probe(&os, probes, 4, 300);
    assert_true(probes[0].is_good);
    assert_false(probes[1].is_good);
    assert_string_equal(probes[1].why, "503");
    assert_false(probes[2].is_good);
    assert_string_equal(probes[2].why, "no answer in time");
    assert_false(probes[3].is_good);
    assert_string_equal(probes[3].why, "Connection refused");
    for (int i = 0; i < 2; i++)
        waitpid(pids[i], NULL, 0);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

static void test_local_os_makes_and_removes_folders(void **state)
{
    char path[80];
    char link[100];

    (void)state;
    snprintf(path, sizeof(path), "%s/a/b/c", folder);
    assert_int_equal(os.make_folder(&os, path), 0);
    assert_int_equal(os.make_folder(&os, path), 0);
    snprintf(link, sizeof(link), "%s/out", path);
    assert_int_equal(symlink("/etc", link), 0);
    snprintf(path, sizeof(path), "%s/a", folder);
    assert_int_equal(os.remove_folder(&os, path), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access("/etc/passwd", F_OK), 0); /* links are not followed */
    assert_int_equal(os.remove_folder(&os, path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_local_os_runs_what_the_gate_lets_through, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_local_os_leaves_nobody_behind_a_gate, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_local_os_tells_a_missing_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_local_os_ends_a_whole_session, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_local_os_knows_a_stranger_by_its_start, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_local_os_probes_all_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_local_os_makes_and_removes_folders, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
