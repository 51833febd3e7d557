/* Listening sockets: refusing, closing without loss, Unix socket files, shared ports. */
#include "lib/net/listener.h"
#include "tests/support/virtual_time.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define CONNECTIONS 8

struct fixture {
    struct tn_loop loop;
    struct tn_listener listener;
    struct tn_stream streams[CONNECTIONS];
    unsigned accepted, refused, starved, closed_streams, closed_listeners;
    unsigned room; /* connections that are taken */
    char echoed[64];
    char dir[64];
    char path[96];
};

static struct fixture *the_fixture;

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    struct tn_str piece = {data, len};

    assert_int_equal(tn_stream_write(stream, &piece, 1), 0);
}

static void on_end(struct tn_stream *stream)
{
    tn_stream_close(stream);
}

static void on_broken(struct tn_stream *stream, int error)
{
    (void)error;
    tn_stream_close(stream);
}

static void on_stream_closed(struct tn_stream *stream)
{
    (void)stream;
    the_fixture->closed_streams++;
}

static const struct tn_stream_ops stream_ops = {
    .on_read = on_read, .on_eof = on_end, .on_broken = on_broken, .on_closed = on_stream_closed};

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct fixture *fixture = the_fixture;
    struct tn_stream *stream;
    int family = listener->unlink_path ? AF_UNIX : AF_INET;

    if (fixture->accepted >= fixture->room) {
        fixture->refused++;
        return NULL;
    }
    stream = &fixture->streams[fixture->accepted];
    assert_int_equal(tn_stream_open(stream, &fixture->loop, family, &stream_ops), 0);
    return stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    (void)listener;
    the_fixture->accepted++;
    assert_int_equal(tn_stream_start(stream), 0);
}

static void on_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)stream;
    (void)error;
    fail();
}

static void on_starved(struct tn_listener *listener, int error)
{
    (void)listener;
    assert_int_equal(error, -EMFILE);
    the_fixture->starved++;
}

static void on_closed(struct tn_listener *listener)
{
    (void)listener;
    the_fixture->closed_listeners++;
}

static const struct tn_listener_ops listener_ops = {.on_accept = on_accept,
                                                    .on_accepted = on_accepted,
                                                    .on_failed = on_failed,
                                                    .on_starved = on_starved,
                                                    .on_closed = on_closed};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    tn_net_init();
    the_fixture = fixture;
    fixture->room = CONNECTIONS;
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
    strcpy(fixture->dir, "/tmp/turnout-listener-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof(fixture->path), "%s/sock", fixture->dir);
    *state = fixture;
    return 0;
}

static void turns(struct fixture *fixture, unsigned count)
{
    while (count-- > 0)
        uv_run(&fixture->loop.uv, UV_RUN_NOWAIT);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < fixture->accepted; i++)
        tn_stream_close(&fixture->streams[i]);
    tn_listener_close(&fixture->listener);
    turns(fixture, 5);
    assert_int_equal(fixture->closed_streams, fixture->accepted);
    assert_int_equal(fixture->loop.stream_count, 0);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    unlink(fixture->path);
    rmdir(fixture->dir);
    free(fixture);
    return 0;
}

static struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static int open_tcp(struct fixture *fixture, struct tn_listener *listener,
                    const struct sockaddr_in *address, bool reuse_port)
{
    return tn_listener_open_tcp(listener, &fixture->loop, (const struct sockaddr *)address,
                                reuse_port, &listener_ops);
}

static struct sockaddr_in bound_to(const struct tn_listener *listener)
{
    struct sockaddr_storage bound;
    struct sockaddr_in address;

    assert_int_equal(tn_listener_address(listener, &bound), 0);
    memcpy(&address, &bound, sizeof(address));
    assert_true(address.sin_port != 0);
    return address;
}

/* A client outside the loop. */
static int dial(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static bool is_connected(int fd)
{
    struct pollfd question = {.fd = fd, .events = POLLOUT};

    return poll(&question, 1, 0) == 1 && (question.revents & POLLOUT) &&
           !(question.revents & (POLLERR | POLLHUP));
}

static void echo(struct fixture *fixture, int fd)
{
    char answer[8] = "";

    assert_int_equal(write(fd, "hello", 5), 5);
    turns(fixture, 5);
    assert_int_equal(read(fd, answer, sizeof(answer)), 5);
    assert_memory_equal(answer, "hello", 5);
}

static void test_listener_accepts_and_serves(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    int one = 0;
    socklen_t len = sizeof(one);
    uv_os_fd_t accepted;
    int fd;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    fd = dial(&address);
    turns(fixture, 3);
    assert_int_equal(fixture->accepted, 1);
    echo(fixture, fd);
    /* small answers must not wait for an acknowledgement */
    assert_int_equal(uv_fileno(&fixture->streams[0].uv.handle, &accepted), 0);
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, &len), 0);
    assert_int_not_equal(one, 0);
    close(fd);
}

static void test_listener_refuses_and_goes_on_listening(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    int fds[3];
    char byte;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    fixture->room = 0;
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = dial(&address);
        turns(fixture, 3);
        assert_int_equal(fixture->refused, i + 1);
        assert_int_equal(read(fds[i], &byte, 1), 0); /* closed, not left hanging */
        close(fds[i]);
    }
    fixture->room = CONNECTIONS;
    fds[0] = dial(&address);
    turns(fixture, 3);
    assert_int_equal(fixture->accepted, 1);
    echo(fixture, fds[0]);
    close(fds[0]);
}

static void pass(struct fixture *fixture, unsigned ms)
{
    for (unsigned gone = 0; gone < ms; gone += 50) {
        virtual_time_pass(50);
        turns(fixture, 3);
    }
}

/* As many descriptors as there are, and no more. */
static struct rlimit use_up_descriptors(void)
{
    struct rlimit was;
    struct rlimit tight;
    int next = dup(0);

    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    tight = was;
    tight.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    return was;
}

/* Without a descriptor the loop does not spin, and nobody is dropped: each waits until there is
 * one.
 */
static void test_listener_without_descriptors_waits_and_recovers(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    struct rlimit was;
    int fds[3];
    char byte;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    for (unsigned i = 0; i < 3; i++)
        fds[i] = dial(&address);
    was = use_up_descriptors();
    pass(fixture, 1000);
    assert_in_range(fixture->starved, 5, 11); /* in 60 turns of the loop */
    assert_int_equal(fixture->accepted, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    pass(fixture, TN_LISTENER_PAUSE_MS + 50);
    assert_int_equal(fixture->accepted, 3);
    for (unsigned i = 0; i < 3; i++) {
        echo(fixture, fds[i]);
        close(fds[i]);
    }
}

static void test_listener_closes_while_it_waits_for_descriptors(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    struct rlimit was;
    int fd;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    fd = dial(&address);
    was = use_up_descriptors();
    turns(fixture, 3);
    assert_int_equal(fixture->starved, 1);
    tn_listener_close(&fixture->listener);
    turns(fixture, 3);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(fixture->closed_listeners, 1);
    close(fd);
}

#define STORM 150

/* A burst is taken in parts: what else the loop has to do comes in between. */
static void test_listener_takes_a_storm_in_turns(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    int fds[STORM];

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    fixture->room = 0;
    for (unsigned i = 0; i < STORM; i++) {
        fds[i] = dial(&address);
        assert_true(is_connected(fds[i]));
    }
    turns(fixture, 1);
    assert_int_equal(fixture->refused, TN_LISTENER_TURN);
    turns(fixture, 1);
    assert_int_equal(fixture->refused, 2 * TN_LISTENER_TURN);
    turns(fixture, 1);
    assert_int_equal(fixture->refused, STORM);
    for (unsigned i = 0; i < STORM; i++)
        close(fds[i]);
}

/* The kernel has accepted, the loop has not looked yet: these must be served. */
static void test_listener_close_loses_no_queued_connection(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    int fds[4];

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    for (unsigned i = 0; i < 4; i++) {
        fds[i] = dial(&address);
        assert_true(is_connected(fds[i]));
    }
    assert_int_equal(fixture->accepted, 0);
    tn_listener_close(&fixture->listener);
    assert_int_equal(fixture->accepted, 4);
    assert_int_equal(fixture->closed_listeners, 0); /* never from inside the call */
    turns(fixture, 3);
    assert_int_equal(fixture->closed_listeners, 1);
    for (unsigned i = 0; i < 4; i++) {
        echo(fixture, fds[i]);
        close(fds[i]);
    }
}

static void test_listener_close_refuses_queued_ones_over_the_cap(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    int fds[2];
    char byte;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    fixture->room = 1;
    fds[0] = dial(&address);
    fds[1] = dial(&address);
    tn_listener_close(&fixture->listener);
    assert_int_equal(fixture->accepted, 1);
    assert_int_equal(fixture->refused, 1);
    echo(fixture, fds[0]);
    assert_int_equal(read(fds[1], &byte, 1), 0);
    close(fds[0]);
    close(fds[1]);
}

static void test_listener_refuse_new_drops_syns_only(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    int early;
    int late;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, false), 0);
    address = bound_to(&fixture->listener);
    early = dial(&address);
    assert_true(is_connected(early));
    if (tn_listener_refuse_new(&fixture->listener) != 0) {
        close(early);
        skip();
    }
    late = dial(&address);
    turns(fixture, 3);
    assert_false(is_connected(late)); /* no answer to its SYN: it will try again elsewhere */
    assert_int_equal(fixture->accepted, 1);
    echo(fixture, early);
    tn_listener_close(&fixture->listener);
    turns(fixture, 3);
    echo(fixture, early);
    assert_int_equal(fixture->accepted, 1);
    close(early);
    close(late);
}

static void test_listener_shares_a_port_only_when_asked(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = loopback();
    struct tn_listener other;

    assert_int_equal(open_tcp(fixture, &fixture->listener, &address, true), 0);
    address = bound_to(&fixture->listener);
    assert_int_equal(open_tcp(fixture, &other, &address, false), -EADDRINUSE);
    assert_false(other.is_open);
    tn_listener_close(&other); /* nothing to do, nothing told */
    turns(fixture, 3);
    assert_int_equal(fixture->closed_listeners, 0);
    assert_int_equal(open_tcp(fixture, &other, &address, true), 0);
    tn_listener_close(&other);
    turns(fixture, 3);
    assert_int_equal(fixture->closed_listeners, 1);
}

static int open_unix(struct fixture *fixture, struct tn_listener *listener)
{
    return tn_listener_open_unix(listener, &fixture->loop, fixture->path, 0600, &listener_ops);
}

static int dial_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void test_listener_unix_file_has_its_mode_and_goes_at_close(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    int fd;

    assert_int_equal(open_unix(fixture, &fixture->listener), 0);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    fd = dial_unix(fixture->path);
    turns(fixture, 3);
    assert_int_equal(fixture->accepted, 1);
    echo(fixture, fd);
    close(fd);
    assert_int_equal(tn_listener_refuse_new(&fixture->listener), -ENOTSUP);
    tn_listener_close(&fixture->listener);
    turns(fixture, 3);
    assert_int_equal(stat(fixture->path, &status), -1);
    assert_int_equal(errno, ENOENT);
}

static void test_listener_unix_of_a_living_process_is_in_use(void **state)
{
    struct fixture *fixture = *state;
    struct tn_listener other;
    int fd;

    assert_int_equal(open_unix(fixture, &fixture->listener), 0);
    assert_int_equal(open_unix(fixture, &other), -EADDRINUSE);
    fixture->room = 2;
    fd = dial_unix(fixture->path); /* and it still works */
    turns(fixture, 3);
    assert_true(fixture->accepted >= 1);
    close(fd);
}

static void test_listener_unix_of_a_dead_process_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd;

    assert_true(dead >= 0);
    strncpy(address.sun_path, fixture->path, sizeof(address.sun_path) - 1);
    assert_int_equal(bind(dead, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(dead, 1), 0);
    close(dead); /* as after kill -9: the file stays */
    assert_int_equal(open_unix(fixture, &fixture->listener), 0);
    fd = dial_unix(fixture->path);
    turns(fixture, 3);
    assert_int_equal(fixture->accepted, 1);
    close(fd);
}

static void test_listener_unix_never_removes_what_is_no_socket(void **state)
{
    struct fixture *fixture = *state;
    char text[8] = "";
    int fd = open(fixture->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "mine", 4), 4);
    assert_int_equal(open_unix(fixture, &fixture->listener), -EEXIST);
    assert_int_equal(pread(fd, text, sizeof(text), 0), 4);
    close(fd);
    assert_int_equal(access(fixture->path, F_OK), 0);
}

static void test_listener_unix_says_what_is_wrong_with_a_path(void **state)
{
    struct fixture *fixture = *state;
    char path[200];

    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(
        tn_listener_open_unix(&fixture->listener, &fixture->loop, path, 0600, &listener_ops),
        -ENAMETOOLONG);
    assert_int_equal(tn_listener_open_unix(&fixture->listener, &fixture->loop,
                                           "/nonexistent/folder/sock", 0600, &listener_ops),
                     -ENOENT);
    turns(fixture, 3);
    assert_int_equal(fixture->closed_listeners, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_listener_accepts_and_serves),
        TEST(test_listener_refuses_and_goes_on_listening),
        TEST(test_listener_without_descriptors_waits_and_recovers),
        TEST(test_listener_closes_while_it_waits_for_descriptors),
        TEST(test_listener_takes_a_storm_in_turns),
        TEST(test_listener_close_loses_no_queued_connection),
        TEST(test_listener_close_refuses_queued_ones_over_the_cap),
        TEST(test_listener_refuse_new_drops_syns_only),
        TEST(test_listener_shares_a_port_only_when_asked),
        TEST(test_listener_unix_file_has_its_mode_and_goes_at_close),
        TEST(test_listener_unix_of_a_living_process_is_in_use),
        TEST(test_listener_unix_of_a_dead_process_is_replaced),
        TEST(test_listener_unix_never_removes_what_is_no_socket),
        TEST(test_listener_unix_says_what_is_wrong_with_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
