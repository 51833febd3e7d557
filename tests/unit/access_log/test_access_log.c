/* The log on files, pipes and sockets that are full, blocked, torn or renamed. */
#include "lib/base/random.h"
#include "proxy/session/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL_NS 1793690000000000000ULL
#define MS 1000000ULL

/* ---- a file that a test can make difficult ---- */

static struct tn_random *difficult; /* NULL: the kernel decides */
static char difficult_bytes[8u << 20];
static size_t difficult_len;
static bool is_proc_closed; /* /proc/self/fd cannot be opened */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);

int __wrap_open(const char *path, int flags, ...)
{
    if (is_proc_closed && strncmp(path, "/proc/", 6) == 0) {
        errno = EACCES;
        return -1;
    }
    return __real_open(path, flags, 0640);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t len)
{
    size_t part;

    if (!difficult)
        return __real_write(fd, bytes, len);
    if (tn_random_u64(difficult) % 3 == 0) {
        errno = tn_random_u64(difficult) % 2 ? EAGAIN : ENOSPC;
        return -1;
    }
    part = tn_random_u64(difficult) % 3 ? 1 + tn_random_u64(difficult) % len : len;
    assert_true(difficult_len + part < sizeof(difficult_bytes));
    memcpy(difficult_bytes + difficult_len, bytes, part);
    difficult_len += part;
    return (ssize_t)part;
}

/* ---- fixture ---- */

struct fixture {
    struct px_stats *stats;
    struct px_access_log log;
    char dir[64];
    char path[96];
    char other[96];
    uint64_t now_ns;
    unsigned added;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(px_stats_new(&fixture->stats), 0);
    strcpy(fixture->dir, "/tmp/turnout-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->path, sizeof(fixture->path), "%s/access.log", fixture->dir);
    snprintf(fixture->other, sizeof(fixture->other), "%s/access.log.1", fixture->dir);
    fixture->now_ns = WALL_NS;
    fixture->log.fd = -1;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    is_proc_closed = false;
    difficult = NULL;
    unlink(fixture->path);
    unlink(fixture->other);
    rmdir(fixture->dir);
    px_stats_free(fixture->stats);
    free(fixture);
    return 0;
}

static int init(struct fixture *fixture, const char *where)
{
    return px_access_log_init(&fixture->log, where, PX_LOG_JSON, NULL, fixture->stats);
}

static void add(struct fixture *fixture)
{
    struct px_access_line line = {.wall_ns = fixture->now_ns,
                                  .method = TN_STR("GET"),
                                  .path = TN_STR("/some/path/of/usual/length"),
                                  .rule = "main",
                                  .end = "ok",
                                  .slot = fixture->added,
                                  .has_slot = true,
                                  .upstream_us = PX_ACCESS_NONE};

    fixture->added++;
    px_access_log_add(&fixture->log, &line);
}

static void add_many(struct fixture *fixture, unsigned count)
{
    while (count-- > 0)
        add(fixture);
}

/* Each line must be a whole one, and in order. Returns how many there are. */
static unsigned check_lines(const char *bytes, size_t len)
{
    unsigned lines = 0;
    json_int_t last = -1;

    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        json_error_t error;
        json_t *object;

        assert_non_null(end);
        object = json_loadb(bytes, (size_t)(end - bytes), 0, &error);
        if (!object)
            fail_msg("%s: %.*s", error.text, (int)(end - bytes), bytes);
        assert_true(json_integer_value(json_object_get(object, "slot")) > last);
        last = json_integer_value(json_object_get(object, "slot"));
        json_decref(object);
        lines++;
        len -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    return lines;
}

static unsigned lines_of_fd(int fd)
{
    static char bytes[4u << 20];
    size_t len = 0;
    ssize_t count;

    while ((count = read(fd, bytes + len, sizeof(bytes) - len)) > 0)
        len += (size_t)count;
    return check_lines(bytes, len);
}

static unsigned lines_of(const char *path)
{
    int fd = __real_open(path, O_RDONLY | O_CLOEXEC);
    unsigned lines;

    assert_true(fd >= 0);
    lines = lines_of_fd(fd);
    close(fd);
    return lines;
}

/* ---- files ---- */

static void test_access_log_off_does_nothing(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(init(fixture, NULL), 0);
    assert_false(px_access_log_is_on(&fixture->log));
    add_many(fixture, 1000);
    px_access_log_flush(&fixture->log);
    assert_int_equal(px_access_log_reopen(&fixture->log), 0);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(fixture->stats->log_dropped, 0);
}

static void test_access_log_writes_when_flushed_and_appends(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;

    assert_int_equal(init(fixture, fixture->path), 0);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 0777 & ~0640, 0);
    add_many(fixture, 3);
    assert_int_equal(lines_of(fixture->path), 0);
    px_access_log_flush(&fixture->log);
    assert_int_equal(lines_of(fixture->path), 3);
    add(fixture);
    px_access_log_deinit(&fixture->log); /* what is left is written at the end */
    assert_int_equal(lines_of(fixture->path), 4);
    assert_int_equal(init(fixture, fixture->path), 0);
    add(fixture);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(lines_of(fixture->path), 5);
    px_access_log_deinit(&fixture->log); /* may be repeated */
}

static void test_access_log_writes_by_itself_at_48_kib(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;

    assert_int_equal(init(fixture, fixture->path), 0);
    do {
        add(fixture);
        assert_int_equal(stat(fixture->path, &status), 0);
        assert_true(fixture->added < 1000);
    } while (status.st_size == 0);
    assert_in_range(status.st_size, PX_ACCESS_WRITE_BYTES, PX_ACCESS_WRITE_BYTES + 512);
    add_many(fixture, 10000);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(lines_of(fixture->path), fixture->added);
    assert_int_equal(fixture->stats->log_dropped, 0);
}

static void test_access_log_says_what_is_wrong_with_a_path(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(init(fixture, "/nonexistent/access.log"), -ENOENT);
    assert_false(px_access_log_is_on(&fixture->log));
    px_access_log_deinit(&fixture->log);
    assert_int_equal(init(fixture, fixture->dir), -EISDIR);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_int_equal(init(fixture, fixture->path), -ENXIO); /* nobody reads: no waiting for it */
}

static void test_access_log_full_disk_drops_and_counts(void **state)
{
    struct fixture *fixture = *state;
    unsigned held;

    assert_int_equal(init(fixture, "/dev/full"), 0);
    add_many(fixture, 2000);
    assert_true(fixture->stats->log_dropped > 1000);
    held = fixture->added - (unsigned)fixture->stats->log_dropped;
    assert_true(held > 200); /* 64 KiB are kept for when there is room again */
    px_access_log_flush(&fixture->log);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(fixture->stats->log_dropped, 2000);
}

static void test_access_log_combined_has_no_mirrors(void **state)
{
    struct fixture *fixture = *state;
    struct px_access_line line = {.wall_ns = WALL_NS, .is_mirror = true};
    struct stat status;

    assert_int_equal(
        px_access_log_init(&fixture->log, fixture->path, PX_LOG_COMBINED, NULL, fixture->stats), 0);
    px_access_log_add(&fixture->log, &line);
    px_access_log_flush(&fixture->log);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_size, 0);
    line.is_mirror = false;
    px_access_log_add(&fixture->log, &line);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_true(status.st_size > 0);
    assert_int_equal(fixture->stats->log_dropped, 0);
}

/* ---- rotation ---- */

static void test_access_log_reopen_follows_a_renamed_file(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(init(fixture, fixture->path), 0);
    add_many(fixture, 5);
    assert_int_equal(rename(fixture->path, fixture->other), 0);
    add_many(fixture, 5);
    assert_int_equal(px_access_log_reopen(&fixture->log), 0);
    add_many(fixture, 7);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(lines_of(fixture->other), 10);
    assert_int_equal(lines_of(fixture->path), 7);
}

static void test_access_log_reopen_that_fails_keeps_the_old_file(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(init(fixture, fixture->path), 0);
    assert_int_equal(rename(fixture->path, fixture->other), 0);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    add(fixture);
    assert_int_equal(px_access_log_reopen(&fixture->log), -EISDIR);
    add(fixture);
    px_access_log_deinit(&fixture->log);
    assert_int_equal(rmdir(fixture->path), 0);
    assert_int_equal(lines_of(fixture->other), 2);
}

/* ---- pipes ---- */

static int open_reader(struct fixture *fixture, int bytes)
{
    int reader;

    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    reader = __real_open(fixture->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(init(fixture, fixture->path), 0);
    assert_true(fcntl(reader, F_SETPIPE_SZ, bytes) >= 0);
    return reader;
}

/* Reads until nothing more comes; what was read before is in bytes. */
static size_t read_on(int reader, char *bytes, size_t len, size_t size)
{
    ssize_t count;

    while (len < size && (count = read(reader, bytes + len, size - len)) > 0)
        len += (size_t)count;
    return len;
}

static void test_access_log_blocked_pipe_drops_whole_lines_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    int reader = open_reader(fixture, 65536);
    static char bytes[4u << 20];
    size_t len = 0;
    uint64_t dropped = 0;

    for (unsigned round = 0; round < 5; round++) {
        add_many(fixture, 3000); /* far more than pipe and buffer hold */
        assert_true(fixture->stats->log_dropped > dropped);
        dropped = fixture->stats->log_dropped;
        len = read_on(reader, bytes, len, sizeof(bytes));
        fixture->now_ns += 1000 * MS;
    }
    px_access_log_flush(&fixture->log); /* the pipe takes all that is left */
    len = read_on(reader, bytes, len, sizeof(bytes));
    assert_int_equal(check_lines(bytes, len), fixture->added - dropped);
    assert_int_equal(fixture->stats->log_dropped, dropped);
    px_access_log_deinit(&fixture->log);
    close(reader);
}

static void test_access_log_asks_a_blocked_file_not_for_every_line(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[1u << 20];
    int reader = open_reader(fixture, 65536);
    uint64_t dropped;

    add_many(fixture, 3000);
    read_on(reader, bytes, 0, sizeof(bytes)); /* there is room, but nobody has asked since */
    dropped = fixture->stats->log_dropped;
    fixture->now_ns += 4 * MS;
    add(fixture);
    assert_int_equal(fixture->stats->log_dropped, dropped + 1);
    fixture->now_ns += 2 * MS;
    add(fixture); /* asked again, so that this line finds room */
    assert_int_equal(fixture->stats->log_dropped, dropped + 1);
    close(reader);
    px_access_log_deinit(&fixture->log);
}

static void test_access_log_reopen_drops_the_rest_of_a_torn_line(void **state)
{
    struct fixture *fixture = *state;
    int reader = open_reader(fixture, 4096);
    uint64_t dropped;

    add_many(fixture, 250);
    px_access_log_flush(&fixture->log);
    assert_true(fixture->log.is_torn); /* 4,096 is no multiple of a line */
    assert_int_equal(unlink(fixture->path), 0);
    dropped = fixture->stats->log_dropped;
    assert_int_equal(px_access_log_reopen(&fixture->log), 0);
    assert_int_equal(fixture->stats->log_dropped, dropped + 1);
    add_many(fixture, 5);
    px_access_log_deinit(&fixture->log);
    assert_true(lines_of(fixture->path) > 200); /* whole ones, from the first byte on */
    close(reader);
}

/* ---- standard output ---- */

struct stolen {
    int saved;
    int reader;
};

static void steal_stdout(struct stolen *stolen, const int *ends)
{
    fflush(stdout);
    stolen->saved = dup(1);
    assert_true(stolen->saved >= 0);
    assert_int_equal(dup2(ends[1], 1), 1);
    close(ends[1]);
    stolen->reader = ends[0];
    assert_int_equal(fcntl(stolen->reader, F_SETFL, O_NONBLOCK), 0);
}

static void give_stdout_back(struct stolen *stolen)
{
    dup2(stolen->saved, 1);
    close(stolen->saved);
    close(stolen->reader);
}

static void test_access_log_leaves_the_shells_stdout_blocking(void **state)
{
    struct fixture *fixture = *state;
    struct stolen stolen;
    int ends[2];
    unsigned lines;
    int ours;
    int theirs;
    int error;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    steal_stdout(&stolen, ends);
    error = init(fixture, "stdout");
    theirs = fcntl(1, F_GETFL);
    ours = fcntl(fixture->log.fd, F_GETFL);
    add_many(fixture, 10000); /* must not block either */
    lines = lines_of_fd(stolen.reader);
    give_stdout_back(&stolen);
    assert_int_equal(error, 0);
    assert_int_equal(theirs & O_NONBLOCK, 0);
    assert_int_not_equal(ours & O_NONBLOCK, 0);
    assert_true(lines > 400);
    assert_true(fixture->stats->log_dropped > 0);
    px_access_log_deinit(&fixture->log);
}

static void test_access_log_does_not_wait_for_a_socket(void **state)
{
    struct fixture *fixture = *state;
    struct stolen stolen;
    int ends[2];
    int error;
    int flags;
    ssize_t count;
    char bytes[256];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    steal_stdout(&stolen, ends);
    error = init(fixture, "stdout"); /* a socket cannot be opened anew */
    add_many(fixture, 20000);
    flags = fcntl(1, F_GETFL);
    count = read(stolen.reader, bytes, sizeof(bytes));
    give_stdout_back(&stolen);
    assert_int_equal(error, 0);
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_int_equal(count, sizeof(bytes));
    assert_memory_equal(bytes, "{\"time\":", 8);
    assert_true(fixture->stats->log_dropped > 0);
    px_access_log_deinit(&fixture->log); /* the reader is gone: an error, no signal */
}

static void test_access_log_does_not_wait_for_a_borrowed_descriptor(void **state)
{
    struct fixture *fixture = *state;
    struct stolen stolen;
    int ends[2];
    unsigned lines;
    int error;
    int flags;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    steal_stdout(&stolen, ends);
    is_proc_closed = true;
    error = init(fixture, "stdout");
    is_proc_closed = false;
    add_many(fixture, 10000);
    flags = fcntl(1, F_GETFL);
    lines = 0;
    for (unsigned i = 0; i < 3; i++) {
        static char bytes[4u << 20];
        static size_t len;

        len = read_on(stolen.reader, bytes, len, sizeof(bytes));
        px_access_log_flush(&fixture->log);
        len = read_on(stolen.reader, bytes, len, sizeof(bytes));
        lines = i == 2 ? check_lines(bytes, len) : 0;
    }
    give_stdout_back(&stolen);
    assert_int_equal(error, 0);
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_true(fixture->stats->log_dropped > 0);
    assert_int_equal(lines, fixture->added - fixture->stats->log_dropped);
    px_access_log_deinit(&fixture->log);
}

/* ---- several loops on one file ---- */

#define LOOPS 3

/* The kernel takes any part of what it is given, or nothing, and another loop writes in between. */
static void test_access_log_lines_of_several_loops_never_mix(void **state)
{
    struct fixture *fixture = *state;
    struct px_access_sink sink = {NULL};
    struct px_access_log logs[LOOPS];
    struct px_stats *stats[LOOPS];
    struct tn_random random;
    unsigned added = 0;
    uint64_t dropped = 0;
    unsigned lines = 0;
    const char *at = difficult_bytes;
    json_int_t last[LOOPS] = {-1, -1, -1};

    tn_random_init_seeded(&random, 3);
    difficult_len = 0;
    difficult = &random;
    for (unsigned i = 0; i < LOOPS; i++) {
        assert_int_equal(px_stats_new(&stats[i]), 0);
        assert_int_equal(px_access_log_init(&logs[i], fixture->path, PX_LOG_JSON, &sink, stats[i]),
                         0);
    }
    for (unsigned step = 0; step < 20000; step++) {
        unsigned loop = (unsigned)(tn_random_u64(&random) % LOOPS);
        struct px_access_line line = {.wall_ns = fixture->now_ns,
                                      .path = TN_STR("/p"),
                                      .slot = added++,
                                      .has_slot = true,
                                      .retries = loop,
                                      .upstream_us = PX_ACCESS_NONE};

        fixture->now_ns += tn_random_u64(&random) % (2 * MS);
        px_access_log_add(&logs[loop], &line);
        if (tn_random_u64(&random) % 100 == 0)
            px_access_log_flush(&logs[tn_random_u64(&random) % LOOPS]);
    }
    for (unsigned i = 0; i < 100 * LOOPS; i++) /* until nothing is held */
        px_access_log_flush(&logs[i % LOOPS]);
    for (unsigned i = 0; i < LOOPS; i++) {
        px_access_log_deinit(&logs[i]);
        dropped += stats[i]->log_dropped;
        px_stats_free(stats[i]);
    }
    difficult = NULL;
    while (at < difficult_bytes + difficult_len) {
        const char *end = memchr(at, '\n', (size_t)(difficult_bytes + difficult_len - at));
        json_t *object;
        json_int_t loop;

        assert_non_null(end);
        object = json_loadb(at, (size_t)(end - at), 0, NULL);
        assert_non_null(object);
        loop = json_integer_value(json_object_get(object, "retries"));
        assert_true(json_integer_value(json_object_get(object, "slot")) > last[loop]);
        last[loop] = json_integer_value(json_object_get(object, "slot"));
        json_decref(object);
        lines++;
        at = end + 1;
    }
    assert_int_equal(lines + dropped, added);
    assert_true(lines > added / 2);
    assert_null(sink.holder);
}

static void test_access_log_that_ends_lets_the_others_write(void **state)
{
    struct fixture *fixture = *state;
    struct px_access_sink sink = {NULL};
    struct px_access_log other;
    int reader;

    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    reader = __real_open(fixture->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(
        px_access_log_init(&fixture->log, fixture->path, PX_LOG_JSON, &sink, fixture->stats), 0);
    assert_int_equal(px_access_log_init(&other, fixture->path, PX_LOG_JSON, &sink, fixture->stats),
                     0);
    assert_true(fcntl(reader, F_SETPIPE_SZ, 4096) >= 0);
    add_many(fixture, 250);
    px_access_log_flush(&fixture->log);
    assert_ptr_equal(sink.holder, &fixture->log);
    px_access_log_deinit(&fixture->log);
    assert_null(sink.holder);
    px_access_log_deinit(&other);
    close(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_access_log_off_does_nothing),
        TEST(test_access_log_writes_when_flushed_and_appends),
        TEST(test_access_log_writes_by_itself_at_48_kib),
        TEST(test_access_log_says_what_is_wrong_with_a_path),
        TEST(test_access_log_full_disk_drops_and_counts),
        TEST(test_access_log_combined_has_no_mirrors),
        TEST(test_access_log_reopen_follows_a_renamed_file),
        TEST(test_access_log_reopen_that_fails_keeps_the_old_file),
        TEST(test_access_log_blocked_pipe_drops_whole_lines_and_goes_on),
        TEST(test_access_log_asks_a_blocked_file_not_for_every_line),
        TEST(test_access_log_reopen_drops_the_rest_of_a_torn_line),
        TEST(test_access_log_leaves_the_shells_stdout_blocking),
        TEST(test_access_log_does_not_wait_for_a_socket),
        TEST(test_access_log_does_not_wait_for_a_borrowed_descriptor),
        TEST(test_access_log_lines_of_several_loops_never_mix),
        TEST(test_access_log_that_ends_lets_the_others_write),
    };

    signal(SIGPIPE, SIG_IGN); /* as tn_net_init() does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
