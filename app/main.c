/*
 * counter: starts the parts in order and stops them in reverse. The map of this folder is
 * README.md.
 */
#include "app/faults_server.h"
#include "app/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* How often a stop looks whether everything is out. */
#define LOOK_MS 5

/* How soon a broken disk is tried again. */
#define RETRY_MS 1000

struct program {
    struct app_options options;
    struct app_service service;
    struct app_ledger ledger;
    struct MHD_Daemon *server;
    struct MHD_Daemon *faults_server; /* NULL: off */
    sigset_t signals;
    char host_name[256];
};

/* One write a line, so that lines of several processes in one file stay whole. */
static void say(FILE *stream, const char *lines)
{
    fputs(lines, stream);
    fflush(stream);
}

static void complain(const char *what, const char *why)
{
    char buffer[1024];
    struct app_text text;
    app_text_init(&text, buffer, sizeof(buffer));
    app_text_add(&text, "counter: %s%s%s\n", what, why[0] == '\0' ? "" : ": ", why);
    say(stderr, buffer);
}

static const char *look_up(const char *name)
{
    return getenv(name);
}

/* Returns -1 to go on, else the exit code. */
static int read_options(struct program *program, const char *const *arguments)
{
    char buffer[8192];
    struct app_text text;
    app_text_init(&text, buffer, sizeof(buffer));
    gethostname(program->host_name, sizeof(program->host_name) - 1);
    if (app_options_parse(arguments, look_up, program->host_name, &program->options, &text) != 0) {
        char *line = buffer;
        for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
            *end = '\0';
            complain(line, "");
            line = end + 1;
        }
        return EXIT_USAGE;
    }
    if (program->options.help) {
        app_options_help(&text);
        say(stdout, buffer);
        return EXIT_STOPPED;
    }
    return -1;
}

static int set_first_faults(struct program *program)
{
    char buffer[512];
    struct app_text problem;
    bool crash = false;
    app_text_init(&problem, buffer, sizeof(buffer));
    if (app_faults_set(&program->service.faults, program->options.faults, &crash, &problem) != 0) {
        complain("--faults", buffer);
        return -EINVAL;
    }
    if (crash) {
        complain("--faults", "crash is for a running service; crash_after counts requests");
        return -EINVAL;
    }
    return 0;
}

static int listen_at(struct app_address *address, int *ret_fd)
{
    char text[APP_ADDRESS_SIZE];
    int error = app_address_listen(address, ret_fd);
    if (error != 0) {
        char what[128];
        (void)snprintf(what, sizeof(what), "cannot listen on %s",
                       app_address_format(address, text));
        complain(what, strerror(-error));
    }
    return error;
}

static int start_servers(struct program *program, int fd, int faults_fd)
{
    if (app_server_start(&program->service, fd, &program->server) != 0) {
        complain("cannot start the server", "");
        close(fd);
        if (faults_fd != -1) {
            close(faults_fd);
        }
        return -EIO;
    }
    if (faults_fd != -1 && app_faults_server_start(&program->service.faults, faults_fd,
                                                   &program->faults_server) != 0) {
        complain("cannot start the server of the faults", "");
        close(faults_fd);
        return -EIO;
    }
    return 0;
}

static int open_listeners(struct program *program)
{
    int fd;
    int faults_fd = -1;
    int error = listen_at(&program->options.listen, &fd);
    if (error != 0) {
        return error;
    }
    if (program->options.has_faults_listen) {
        error = listen_at(&program->options.faults_listen, &faults_fd);
        if (error != 0) {
            close(fd);
            return error;
        }
    }
    return start_servers(program, fd, faults_fd);
}

static void announce(const struct program *program)
{
    char lines[256];
    char address[APP_ADDRESS_SIZE];
    struct app_text text;
    app_text_init(&text, lines, sizeof(lines));
    app_text_add(&text, "counter: listening on %s\n",
                 app_address_format(&program->options.listen, address));
    if (program->faults_server != NULL) {
        app_text_add(&text, "counter: faults on %s\n",
                     app_address_format(&program->options.faults_listen, address));
    }
    say(stdout, lines);
}

static int open_ledger(struct program *program)
{
    char buffer[8192];
    struct app_text problem;
    app_text_init(&problem, buffer, sizeof(buffer));
    int error =
        app_ledger_open(&program->ledger, program->options.data, &app_file_ops_system, &problem);
    if (error != 0) {
        complain(buffer, "");
        app_ledger_close(&program->ledger);
    }
    return error;
}

/* false: a signal cut the time short. */
static bool sleep_ms(const struct program *program, uint32_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    return sigtimedwait(&program->signals, NULL, &time) == -1;
}

/* Idle connections keep the linger, so that a request on its way to us still meets somebody. */
static void wait_for_end(struct program *program)
{
    uint64_t start_ns = app_delay_now_ns();
    uint64_t elapsed_ms = 0;
    while (elapsed_ms < program->options.stop_grace_ms &&
           app_server_count_connections(program->server) > 0) {
        if (elapsed_ms >= program->options.stop_linger_ms &&
            atomic_load(&program->service.active) == 0) {
            return;
        }
        if (!sleep_ms(program, LOOK_MS)) {
            return; /* a second signal: no more patience */
        }
        elapsed_ms = (app_delay_now_ns() - start_ns) / 1000000;
    }
}

/* Nobody may be suspended when the daemon stops. false: the disk hangs. */
static bool release_waiters(struct program *program)
{
    atomic_store(&program->service.is_refusing, true);
    app_delay_flush(&program->service.delay);
    for (uint32_t waited_ms = 0; atomic_load(&program->service.waiting) > 0; waited_ms += LOOK_MS) {
        if (waited_ms > 1000) {
            return false;
        }
        struct timespec time = {.tv_nsec = LOOK_MS * 1000000L};
        nanosleep(&time, NULL);
    }
    return true;
}

static int stop(struct program *program)
{
    atomic_store(&program->service.is_stopping, true);
    sleep_ms(program, program->options.stop_delay_ms);
    MHD_socket fd = MHD_quiesce_daemon(program->server);
    if (fd != MHD_INVALID_SOCKET) {
        close(fd);
    }
    wait_for_end(program);
    if (!release_waiters(program)) {
        complain("stopped while the disk did not answer",
                 "visits that wait for it were neither counted nor answered");
        _exit(EXIT_FAILED);
    }
    MHD_stop_daemon(program->server);
    if (program->faults_server != NULL) {
        MHD_stop_daemon(program->faults_server);
    }
    app_delay_stop(&program->service.delay);
    app_store_stop(&program->service.store);
    bool is_broken = program->ledger.is_broken;
    app_ledger_close(&program->ledger);
    app_faults_deinit(&program->service.faults);
    if (is_broken) {
        complain("stopped while the last write had failed",
                 "every visit that was answered is safe");
    }
    return EXIT_STOPPED;
}

/* Every thread inherits the mask: only main takes the signals that stop. */
static void prepare_signals(struct program *program)
{
    sigemptyset(&program->signals);
    sigaddset(&program->signals, SIGTERM);
    sigaddset(&program->signals, SIGINT);
    sigaddset(&program->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &program->signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a write that fails, not our end */
}

int main(int argc, char **argv)
{
    static struct program program;
    (void)argc;
    int code = read_options(&program, (const char *const *)argv + 1);
    if (code != -1) {
        return code;
    }
    prepare_signals(&program);
    program.service.options = &program.options;
    app_faults_init(&program.service.faults);
    app_metrics_init(&program.service.metrics);
    if (set_first_faults(&program) != 0) {
        return EXIT_USAGE;
    }
    if (open_ledger(&program) != 0) {
        return EXIT_FAILED;
    }
    if (app_store_start(&program.service.store, &program.ledger, RETRY_MS) != 0 ||
        app_delay_start(&program.service.delay) != 0) {
        complain("cannot start a thread", "");
        return EXIT_FAILED;
    }
    if (open_listeners(&program) != 0) {
        return EXIT_FAILED;
    }
    announce(&program);
    while (sigwaitinfo(&program.signals, NULL) == -1) {
        /* interrupted by a debugger: go on waiting */
    }
    return stop(&program);
}
