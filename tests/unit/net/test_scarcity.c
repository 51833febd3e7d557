/* No memory, no thread, no room in epoll: errors like others, and it goes on when there is some. */
#include "lib/net/control.h"
#include "lib/net/listener.h"
#include "lib/net/private.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

/* How many of the next calls fail. */
static unsigned failing_watches, failing_allocations, failing_threads, failing_accepts;
static int watch_error;

int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

static bool fails(unsigned *count)
{
    if (*count == 0)
        return false;
    (*count)--;
    return true;
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (!fails(&failing_watches))
        return __real_epoll_ctl(epoll, operation, fd, event);
    errno = watch_error;
    return -1;
}

void *__wrap_malloc(size_t size)
{
    return fails(&failing_allocations) ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails(&failing_allocations) ? NULL : __real_realloc(old, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context)
{
    return fails(&failing_threads) ? EAGAIN
                                   : __real_pthread_create(thread, attributes, run, context);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    if (!fails(&failing_accepts))
        return __real_accept4(fd, address, len, flags);
    errno = EMFILE;
    return -1;
}

struct fixture {
    struct tn_loop loop;
    struct tn_listener listener;
    struct tn_stream stream;
    struct sockaddr_in address;
    struct tn_work work;
    unsigned accepted, refused, closed, works;
    size_t bytes;
    bool is_refusing;
};

static struct fixture *the_fixture;

static void on_read(struct tn_stream *stream, char *data, size_t len)
{
    (void)stream;
    (void)data;
    the_fixture->bytes += len;
}

static void on_eof(struct tn_stream *stream)
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
    the_fixture->closed++;
}

static const struct tn_stream_ops stream_ops = {
    .on_read = on_read, .on_eof = on_eof, .on_broken = on_broken, .on_closed = on_stream_closed};

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    (void)listener;
    if (the_fixture->is_refusing || the_fixture->accepted > 0) {
        the_fixture->refused++;
        return NULL;
    }
    assert_int_equal(tn_stream_open(&the_fixture->stream, &the_fixture->loop, AF_INET, &stream_ops),
                     0);
    return &the_fixture->stream;
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    (void)listener;
    (void)stream;
    the_fixture->accepted++;
}

static void on_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    (void)listener;
    (void)stream;
    (void)error;
    fail();
}

static void on_closed(struct tn_listener *listener)
{
    (void)listener;
    the_fixture->closed++;
}

static const struct tn_listener_ops listener_ops = {.on_accept = on_accept,
                                                    .on_accepted = on_accepted,
                                                    .on_failed = on_failed,
                                                    .on_closed = on_closed};

static int open_listener(struct fixture *fixture)
{
    fixture->address.sin_family = AF_INET;
    fixture->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fixture->address.sin_port = 0;
    return tn_listener_open_tcp(&fixture->listener, &fixture->loop,
                                (const struct sockaddr *)&fixture->address, false, &listener_ops);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    the_fixture = fixture;
    failing_watches = failing_allocations = failing_threads = failing_accepts = 0;
    watch_error = ENOMEM;
    tn_net_init();
    assert_int_equal(tn_loop_init(&fixture->loop), 0);
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

    if (fixture->accepted > 0)
        tn_stream_close(&fixture->stream);
    tn_listener_close(&fixture->listener);
    turns(fixture, 5);
    assert_int_equal(tn_loop_deinit(&fixture->loop), 0);
    free(fixture);
    return 0;
}

/* A client of the listener; the loop accepts him in the turns after. */
static int connect_client(struct fixture *fixture)
{
    struct sockaddr_storage address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(tn_listener_address(&fixture->listener, &address), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(struct sockaddr_in)), 0);
    return fd;
}

static void test_scarcity_loop_without_room_in_epoll_is_not_made(void **state)
{
    struct tn_loop loop;

    (void)state;
    failing_watches = 1;
    assert_int_equal(tn_loop_init(&loop), -ENOMEM);
}

static void test_scarcity_listener_without_room_in_epoll_is_not_opened(void **state)
{
    struct fixture *fixture = *state;

    failing_watches = 1;
    watch_error = ENOSPC;
    assert_int_equal(open_listener(fixture), -ENOSPC);
    assert_int_equal(open_listener(fixture), 0);
}

static void test_scarcity_stream_without_room_in_epoll_is_not_started(void **state)
{
    struct fixture *fixture = *state;
    int client;

    assert_int_equal(open_listener(fixture), 0);
    client = connect_client(fixture);
    turns(fixture, 2);
    assert_int_equal(fixture->accepted, 1);
    failing_watches = 1;
    assert_int_equal(tn_stream_start(&fixture->stream), -ENOMEM);
    assert_int_equal(tn_stream_start(&fixture->stream), 0);
    assert_int_equal(write(client, "abc", 3), 3);
    turns(fixture, 2);
    assert_int_equal(fixture->bytes, 3);
    close(client);
}

static void never(struct tn_stream *stream, int error)
{
    (void)stream;
    (void)error;
    fail();
}

static void test_scarcity_connecting_without_room_in_epoll_fails(void **state)
{
    struct fixture *fixture = *state;
    struct tn_stream stream;
    struct sockaddr_storage address;

    assert_int_equal(open_listener(fixture), 0);
    fixture->is_refusing = true;
    assert_int_equal(tn_listener_address(&fixture->listener, &address), 0);
    assert_int_equal(tn_stream_open(&stream, &fixture->loop, AF_INET, &stream_ops), 0);
    failing_watches = 1;
    assert_int_equal(tn_stream_connect(&stream, (const struct sockaddr *)&address, never), -ENOMEM);
    tn_stream_close(&stream);
    turns(fixture, 4);
    assert_int_equal(fixture->closed, 1);
}

static void test_scarcity_resume_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    int client;

    assert_int_equal(open_listener(fixture), 0);
    client = connect_client(fixture);
    turns(fixture, 2);
    assert_int_equal(tn_stream_start(&fixture->stream), 0);
    tn_stream_pause(&fixture->stream);
    assert_int_equal(write(client, "abc", 3), 3);
    turns(fixture, 2);
    failing_watches = 1;
    tn_stream_resume(&fixture->stream);
    assert_false(fixture->stream.is_reading);
    assert_int_equal(fixture->bytes, 0);
    while (fixture->bytes == 0)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    assert_int_equal(fixture->bytes, 3);
    close(client);
}

static void test_scarcity_pause_ends_the_trying(void **state)
{
    struct fixture *fixture = *state;
    int client;

    assert_int_equal(open_listener(fixture), 0);
    client = connect_client(fixture);
    turns(fixture, 2);
    failing_watches = 1;
    tn_stream_resume(&fixture->stream);
    assert_int_equal(fixture->loop.deadline_count, 1);
    tn_stream_pause(&fixture->stream);
    assert_int_equal(fixture->loop.deadline_count, 0);
    close(client);
}

static void on_other(struct tn_timer *timer)
{
    (void)timer;
}

/* It pauses for want of a descriptor, and can't be watched again at first. */
static void test_scarcity_listener_that_pauses_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct tn_timer other; /* a loop without anything else has ended */
    int client;

    assert_int_equal(tn_timer_open(&other, &fixture->loop, on_other), 0);
    tn_timer_start(&other, 10, 10);
    assert_int_equal(open_listener(fixture), 0);
    client = connect_client(fixture);
    failing_accepts = 1;
    turns(fixture, 1);
    assert_int_equal(fixture->accepted, 0);
    failing_watches = 2;
    while (failing_watches > 0)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    assert_int_equal(fixture->accepted, 0);
    while (fixture->accepted == 0)
        uv_run(&fixture->loop.uv, UV_RUN_ONCE);
    tn_timer_close(&other, NULL);
    turns(fixture, 2);
    close(client);
}

/* libuv's table of descriptors: it would end the process. */
static void test_scarcity_table_of_descriptors_grows_from_the_reserve(void **state)
{
    struct fixture *fixture = *state;
    struct tn_stream streams[2];
    int fds[2] = {500, 900}; /* at most 1,024 may be open; tables are powers of 2 less 2 */

    for (unsigned i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fixture->loop.uv.nwatchers < (unsigned)fds[i]);
        assert_int_equal(tn_stream_open(&streams[i], &fixture->loop, AF_INET, &stream_ops), 0);
        assert_int_equal(dup2(fd, fds[i]), fds[i]);
        close(fd);
        assert_int_equal(uv_tcp_open(&streams[i].uv.tcp, fds[i]), 0);
        failing_allocations = 1 - i; /* the second one grows out of the reserve */
        assert_int_equal(tn_stream_start(&streams[i]), 0);
        assert_int_equal(failing_allocations, 0);
        assert_true(fixture->loop.uv.nwatchers > (unsigned)fds[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        tn_stream_close(&streams[i]);
    turns(fixture, 2);
    assert_int_equal(fixture->closed, 2);
}

static void run_work(struct tn_work *work)
{
    (void)work;
}

static void on_done(struct tn_work *work)
{
    (void)work;
    the_fixture->works++;
}

static void test_scarcity_work_without_a_thread_is_refused(void **state)
{
    struct fixture *fixture = *state;

    fixture->work.run = run_work;
    fixture->work.on_done = on_done;
    failing_threads = 1;
    assert_int_equal(tn_work_start(&fixture->work, &fixture->loop), -EAGAIN);
    tn_loop_run(&fixture->loop);
    assert_int_equal(fixture->works, 0);
    assert_int_equal(tn_work_start(&fixture->work, &fixture->loop), 0);
    tn_loop_run(&fixture->loop);
    assert_int_equal(fixture->works, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scarcity_loop_without_room_in_epoll_is_not_made, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_listener_without_room_in_epoll_is_not_opened,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_stream_without_room_in_epoll_is_not_started,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_connecting_without_room_in_epoll_fails, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_resume_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_pause_ends_the_trying, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_listener_that_pauses_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_table_of_descriptors_grows_from_the_reserve,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_scarcity_work_without_a_thread_is_refused, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
