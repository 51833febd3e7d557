#include "proxy/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The whole proxy in a child process: started, asked over its socket, signalled, waited for. */

struct fixture {
    char folder[64];
    pid_t child; /* 0: none */
    int errors;  /* its standard error */
    char said[65536];
    size_t said_len;
};

/* --- a disk that stops answering while a file is there ------------------------------------------
 */

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    const struct timespec pause = {.tv_nsec = 5000000};

    while (access("stuck", F_OK) == 0)
        nanosleep(&pause, NULL);
    return __real_fdatasync(fd);
}

/* --- the child ---------------------------------------------------------------------------------
 */

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    strcpy(fixture->folder, "/tmp/turnout-server-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_int_equal(chdir(fixture->folder), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    if (fixture->child > 0) {
        kill(fixture->child, SIGKILL);
        waitpid(fixture->child, NULL, 0);
        close(fixture->errors);
    }
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -r %s", fixture->folder);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

#define TOP                                                                                        \
    "listen: [\"127.0.0.1:0\"]\nadmin: \"unix:./socket\"\nmetrics: \"127.0.0.1:0\"\nthreads: 2\n"
#define STORE "store: {file: ./store}\n"
#define LOG "log: {access: ./access.log}\n"
#define VERSIONS                                                                                   \
    "versions: {blue: {endpoints: [\"127.0.0.1:1\"]}, green: {endpoints: [\"127.0.0.1:2\"]}}\n"
#define RULES "rules: [{name: main, stable: blue, weights: {blue: 9, green: 1}}]\n"

static void start(struct fixture *fixture, const char *config)
{
    const struct px_server_options options = {.config_path = "turnout.yaml"};
    int pipes[2];

    write_file("turnout.yaml", config);
    assert_int_equal(pipe(pipes), 0);
    fflush(NULL);
    fixture->child = fork();
    assert_true(fixture->child >= 0);
    if (fixture->child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        exit(px_server_main(&options)); /* exit: the leak checker is to look */
    }
    close(pipes[1]);
    fixture->errors = pipes[0];
    fcntl(fixture->errors, F_SETFL, O_NONBLOCK);
}

/* Reads what it says for at most so long. False: it has ended. */
static bool listen_to(struct fixture *fixture, int ms)
{
    struct pollfd poll_fd = {.fd = fixture->errors, .events = POLLIN};
    ssize_t len;

    poll(&poll_fd, 1, ms);
    len = read(fixture->errors, fixture->said + fixture->said_len,
               sizeof(fixture->said) - fixture->said_len - 1);
    if (len > 0)
        fixture->said_len += (size_t)len;
    fixture->said[fixture->said_len] = '\0';
    return len != 0;
}

static void wait_for(struct fixture *fixture, const char *words)
{
    for (int i = 0; i < 200 && !strstr(fixture->said, words); i++) {
        if (!listen_to(fixture, 100))
            break;
    }
    if (!strstr(fixture->said, words))
        fail_msg("it never said '%s' but '%s'", words, fixture->said);
}

static int wait_for_end(struct fixture *fixture)
{
    int status = 0;

    while (listen_to(fixture, 20000))
        ;
    assert_int_equal(waitpid(fixture->child, &status, 0), fixture->child);
    fixture->child = 0;
    close(fixture->errors);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define READY "turnout: listening on 127.0.0.1:"

static int stop(struct fixture *fixture)
{
    kill(fixture->child, SIGTERM);
    return wait_for_end(fixture);
}

/* One request over the socket; the connection is the caller's to close. */
static int send_request(const char *request)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "./socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    return fd;
}

static void receive(int fd, char *answer, size_t size)
{
    size_t used = 0;
    ssize_t len;

    while ((len = read(fd, answer + used, size - used - 1)) > 0)
        used += (size_t)len;
    answer[used] = '\0';
    close(fd);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define TO_GREEN                                                                                   \
    "PUT /v1/weights HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"                         \
    "Content-Length: 23\r\n\r\n{\"weights\":{\"green\":1}}"

static void ask(const char *request, const char *expected)
{
    char answer[65536];

    receive(send_request(request), answer, sizeof(answer));
    if (!strstr(answer, expected))
        fail_msg("%s\n%s", request, answer);
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_server_starts_answers_and_stops(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, TOP STORE VERSIONS RULES);
    wait_for(fixture, READY);
    wait_for(fixture, ", admin ./socket, metrics 127.0.0.1:");
    wait_for(fixture, "version blue: no endpoint is up (of 1)");
    assert_null(strstr(fixture->said, "127.0.0.1:0,")); /* the ports that it got */
    ask(GET("/v1/status"), "\"state\":\"running\",\"ready\":true,\"revision\":1");
    ask(TO_GREEN, "\"revision\":2,\"changed\":true");
    assert_int_equal(stop(fixture), 0);
    assert_non_null(strstr(fixture->said, "server: stopped\n"));
    assert_int_equal(access("socket", F_OK), -1);
}

static void test_server_again_and_again_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 5; i++) {
        fixture->said[fixture->said_len = 0] = '\0';
        start(fixture, TOP STORE VERSIONS RULES);
        wait_for(fixture, READY);
        if (i % 2)
            kill(fixture->child, SIGINT);
        assert_int_equal(i % 2 ? wait_for_end(fixture) : stop(fixture), 0);
    }
}

/* SIGTERM before anything has been said. */
static void test_server_stopped_while_it_starts(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, TOP VERSIONS RULES);
    wait_for(fixture, "is down"); /* signals are caught by now */
    kill(fixture->child, SIGTERM);
    assert_int_equal(wait_for_end(fixture), 0);
}

static int silent_listener(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void test_server_is_ready_although_an_endpoint_hangs(void **state)
{
    struct fixture *fixture = *state;
    uint16_t port;
    int fd = silent_listener(&port);
    char config[1024];

    snprintf(config, sizeof(config),
             TOP "versions: {blue: {endpoints: [\"127.0.0.1:%u\"], "
                 "health: {timeout: 50s, interval: 60s}}}\n"
                 "rules: [{name: main, weights: {blue: 1}}]\n",
             port);
    start(fixture, config);
    wait_for(fixture, READY);
    ask(GET("/v1/status"), "\"ready\":true");
    assert_int_equal(stop(fixture), 0);
    close(fd);
}

static void test_server_reload_by_signal(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, TOP VERSIONS RULES);
    wait_for(fixture, READY);
    write_file("turnout.yaml", TOP VERSIONS "rules: [{name: main, wieghts: {blue: 1}}]\n");
    kill(fixture->child, SIGHUP);
    wait_for(fixture, "turnout.yaml:6:");
    wait_for(fixture, "did you mean 'weights'");
    wait_for(fixture, "reload: nothing was changed");
    write_file("turnout.yaml", TOP VERSIONS "rules: [{name: main, weights: {green: 1}}]\n");
    kill(fixture->child, SIGHUP);
    wait_for(fixture, "reload: rule main is taken from the file");
    wait_for(fixture, "reload: done, revision 2");
    ask(GET("/v1/rules"), "\"weights\":{\"green\":1}");
    assert_int_equal(stop(fixture), 0);
}

static void test_server_reopens_its_access_log(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, TOP LOG VERSIONS RULES);
    wait_for(fixture, READY);
    assert_int_equal(rename("access.log", "access.log.1"), 0);
    kill(fixture->child, SIGUSR1);
    for (int i = 0; i < 200 && access("access.log", F_OK) != 0; i++)
        listen_to(fixture, 20);
    assert_int_equal(access("access.log", F_OK), 0);
    assert_int_equal(stop(fixture), 0);
}

/* The journal's disk hangs: reading goes on, the change waits, and the stop does not wait for ever.
 */
static void test_server_with_a_stuck_disk(void **state)
{
    struct fixture *fixture = *state;
    int waiting;

    start(fixture, TOP STORE VERSIONS RULES);
    wait_for(fixture, READY);
    write_file("stuck", "");
    waiting = send_request(TO_GREEN);
    ask(GET("/v1/status"), "\"revision\":1");
    ask(GET("/v1/share"), "\"revision\":1");
    assert_int_equal(stop(fixture), 1);
    assert_non_null(strstr(fixture->said, "the store does not answer: ends at once"));
    assert_int_equal(access("socket", F_OK), -1);
    close(waiting);
}

static void test_server_waits_for_a_slow_disk(void **state)
{
    struct fixture *fixture = *state;
    char answer[4096];
    int waiting;

    start(fixture, TOP STORE VERSIONS RULES);
    wait_for(fixture, READY);
    write_file("stuck", "");
    waiting = send_request(TO_GREEN);
    ask(GET("/v1/status"), "\"revision\":1");
    kill(fixture->child, SIGTERM);
    wait_for(fixture, "stopping");
    assert_int_equal(unlink("stuck"), 0);
    receive(waiting, answer, sizeof(answer));
    assert_non_null(strstr(answer, "\"revision\":2,\"changed\":true"));
    assert_int_equal(wait_for_end(fixture), 0);
}

static void test_server_start_that_is_refused(void **state)
{
    static const struct {
        const char *config;
        const char *words;
    } rows[] = {
        {TOP VERSIONS "rules: []\n", "turnout.yaml:6:"},
        {"listen: [\"127.0.0.1:0\"]\nadmin: \"127.0.0.1:0\"\n" VERSIONS RULES, "admin"},
        {"listen: [\"127.0.0.1:0\"]\nadmin: \"unix:./no/socket\"\n" VERSIONS RULES,
         "turnout: admin unix:no/socket: No such file or directory"},
        {TOP "store: {file: ./no/store}\n" VERSIONS RULES, "No such file or directory"},
        {TOP "log: {access: ./no/log}\n" VERSIONS RULES, "No such file or directory"},
        {TOP VERSIONS "rules: [{name: main, weights: {blue: 1}, sticky: {by: cookie, key_file: "
                      "./nokeys}}]\n",
         "nokeys: No such file or directory"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fixture->said[fixture->said_len = 0] = '\0';
        start(fixture, rows[i].config);
        assert_int_equal(wait_for_end(fixture), 1);
        if (!strstr(fixture->said, rows[i].words))
            fail_msg("'%s' does not hold '%s'", fixture->said, rows[i].words);
        assert_int_equal(access("socket", F_OK), -1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_server_starts_answers_and_stops),
        TEST(test_server_again_and_again_leaves_nothing),
        TEST(test_server_stopped_while_it_starts),
        TEST(test_server_is_ready_although_an_endpoint_hangs),
        TEST(test_server_reload_by_signal),
        TEST(test_server_reopens_its_access_log),
        TEST(test_server_with_a_stuck_disk),
        TEST(test_server_waits_for_a_slow_disk),
        TEST(test_server_start_that_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
