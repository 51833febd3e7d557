#include "lib/net/deadline.h"
#include "lib/net/private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* libuv's codes must be the kernel's, or "0 or negative errno" would not hold for both. */
_Static_assert(UV_ECONNREFUSED == -ECONNREFUSED && UV_EPIPE == -EPIPE && UV_EAGAIN == -EAGAIN,
               "libuv error codes are negative errno");

/* A close callback may close another handle, and that one a third. */
#define DEINIT_TURNS 8

static void on_sweep(uv_timer_t *timer);

int tn_net_init(void)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN); /* libuv writes without MSG_NOSIGNAL */
    tn_memory_init();
    /* The first loop makes a pipe for signals, and libuv aborts when it can't. */
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -errno;
    close(fds[0]);
    close(fds[1]);
    return 0;
}

int tn_watch_fd(struct tn_loop *loop, int fd)
{
    struct epoll_event event = {.data.fd = fd};

    if (epoll_ctl(uv_backend_fd(&loop->uv), EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST)
        return 0;
    return -errno;
}

int tn_watch(const uv_handle_t *handle)
{
    uv_os_fd_t fd;
    int error = uv_fileno(handle, &fd);

    return error ? error : tn_watch_fd(TN_CONTAINER_OF(handle->loop, struct tn_loop, uv), fd);
}

/* Its own descriptors too: by which other threads wake it up, and by which signals reach it. */
static int init_uv(struct tn_loop *loop)
{
    int error = uv_loop_init(&loop->uv);

    if (error)
        return error;
    error = tn_watch_fd(loop, loop->uv.async_io_watcher.fd);
    if (!error &&
        loop->uv.signal_io_watcher.fd >= 0) /* some versions make it with the first signal */
        error = tn_watch_fd(loop, loop->uv.signal_io_watcher.fd);
    if (error)
        uv_loop_close(&loop->uv);
    return error;
}

static void on_turn(uv_prepare_t *turn)
{
    struct tn_loop *loop = TN_CONTAINER_OF(turn, struct tn_loop, turn);

    loop->now_ns = loop->wall_ns = 0;
}

int tn_loop_init(struct tn_loop *loop)
{
    int error;

    loop->scratch = malloc(TN_LOOP_SCRATCH_BYTES);
    loop->out = malloc(TN_LOOP_OUT_BYTES);
    loop->deadline_count = 0;
    loop->stream_count = 0;
    loop->is_sweeping_set = false;
    loop->data = NULL;
    error = loop->scratch && loop->out ? init_uv(loop) : -ENOMEM;
    if (error) {
        free(loop->scratch);
        free(loop->out);
        return error;
    }
    for (size_t i = 0; i < TN_DEADLINE_SLOTS; i++)
        tn_list_init(&loop->deadlines[i]);
    tn_list_init(&loop->due);
    loop->swept_tick = uv_now(&loop->uv) / TN_DEADLINE_TICK_MS;
    uv_timer_init(&loop->uv, &loop->sweep);
    uv_unref((uv_handle_t *)&loop->sweep);
    loop->now_ns = loop->wall_ns = 0;
    uv_prepare_init(&loop->uv, &loop->turn);
    uv_prepare_start(&loop->turn, on_turn);
    uv_unref((uv_handle_t *)&loop->turn);
    return 0;
}

int tn_loop_deinit(struct tn_loop *loop)
{
    int error;

    if (!uv_is_closing((uv_handle_t *)&loop->sweep)) {
        uv_close((uv_handle_t *)&loop->sweep, NULL);
        uv_close((uv_handle_t *)&loop->turn, NULL);
    }
    /* What is closing goes in one turn; a handle that somebody left open must not hold us here. */
    for (int turn = 0; turn < DEINIT_TURNS && uv_loop_alive(&loop->uv); turn++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    error = uv_loop_close(&loop->uv);
    if (error)
        return error;
    free(loop->scratch);
    free(loop->out);
    loop->scratch = NULL;
    loop->out = NULL;
    return 0;
}

void tn_loop_run(struct tn_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void tn_loop_stop(struct tn_loop *loop)
{
    uv_stop(&loop->uv);
}

/* At the next boundary of a tick: between boundaries there is nothing to find. */
static void schedule_sweep(struct tn_loop *loop)
{
    uint64_t passed_ms = tn_loop_now_ms(loop) % TN_DEADLINE_TICK_MS;
    /* What a crowd has left goes on after the events that wait by now. With a timeout of 0 libuv
     * would run the timer again at once. */
    uint64_t after_ms = tn_list_is_empty(&loop->due) ? TN_DEADLINE_TICK_MS - passed_ms : 1;

    uv_timer_start(&loop->sweep, on_sweep, after_ms, 0);
}

static void start_sweep(struct tn_loop *loop)
{
    if (loop->is_sweeping_set)
        return;
    /* Whatever passed while nothing was filed needs no sweep. */
    loop->swept_tick = tn_loop_now_ms(loop) / TN_DEADLINE_TICK_MS;
    schedule_sweep(loop);
    loop->is_sweeping_set = true;
}

static void file_deadline(struct tn_loop *loop, struct tn_deadline *deadline)
{
    uint64_t tick;

    start_sweep(loop);
    /* rounded up: the slot is swept when the moment has come */
    tick = deadline->when_ms / TN_DEADLINE_TICK_MS + (deadline->when_ms % TN_DEADLINE_TICK_MS != 0);
    if (tick <= loop->swept_tick)
        tick = loop->swept_tick + 1;
    deadline->filed_ms = deadline->when_ms;
    tn_list_push_back(&loop->deadlines[tick % TN_DEADLINE_SLOTS], &deadline->node);
    loop->deadline_count++;
}

void tn_deadline_init(struct tn_deadline *deadline, tn_deadline_fn *on_expired)
{
    tn_list_init(&deadline->node);
    deadline->when_ms = TN_DEADLINE_NEVER;
    deadline->filed_ms = TN_DEADLINE_NEVER;
    deadline->on_expired = on_expired;
}

static void unfile(struct tn_loop *loop, struct tn_deadline *deadline)
{
    if (tn_list_is_empty(&deadline->node))
        return;
    tn_list_remove(&deadline->node);
    assert(loop->deadline_count > 0);
    loop->deadline_count--;
}

void tn_deadline_set(struct tn_loop *loop, struct tn_deadline *deadline, uint64_t when_ms)
{
    deadline->when_ms = when_ms;
    if (when_ms == TN_DEADLINE_NEVER)
        return;
    if (!tn_list_is_empty(&deadline->node)) {
        if (deadline->filed_ms <= when_ms)
            return; /* the sweep will find it early and file it again */
        unfile(loop, deadline);
    }
    file_deadline(loop, deadline);
}

void tn_deadline_clear(struct tn_loop *loop, struct tn_deadline *deadline)
{
    deadline->when_ms = TN_DEADLINE_NEVER;
    unfile(loop, deadline);
}

static void take_slot(struct tn_loop *loop, struct tn_list *slot)
{
    struct tn_list *due = &loop->due;

    if (tn_list_is_empty(slot))
        return;
    slot->next->prev = due->prev;
    due->prev->next = slot->next;
    slot->prev->next = due;
    due->prev = slot->prev;
    tn_list_init(slot);
}

/* Callbacks may file into, or take out of, any list meanwhile, this one too. */
static void expire_due(struct tn_loop *loop, uint64_t now)
{
    unsigned fired = 0;

    while (!tn_list_is_empty(&loop->due) && fired < TN_DEADLINE_BURST) {
        struct tn_deadline *deadline = TN_CONTAINER_OF(loop->due.next, struct tn_deadline, node);

        unfile(loop, deadline);
        if (deadline->when_ms == TN_DEADLINE_NEVER)
            continue;
        if (deadline->when_ms > now) {
            file_deadline(loop, deadline);
            continue;
        }
        deadline->when_ms = TN_DEADLINE_NEVER;
        deadline->on_expired(deadline);
        fired++;
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct tn_loop *loop = TN_CONTAINER_OF(timer, struct tn_loop, sweep);
    uint64_t now = tn_loop_now_ms(loop);
    uint64_t tick = now / TN_DEADLINE_TICK_MS;

    /* After a long pause (a stopped machine) one turn of the wheel sees everything. */
    if (tick > loop->swept_tick + TN_DEADLINE_SLOTS)
        loop->swept_tick = tick - TN_DEADLINE_SLOTS;
    while (loop->swept_tick < tick) {
        loop->swept_tick++;
        take_slot(loop, &loop->deadlines[loop->swept_tick % TN_DEADLINE_SLOTS]);
    }
    expire_due(loop, now);
    loop->is_sweeping_set = loop->deadline_count > 0;
    if (loop->is_sweeping_set)
        schedule_sweep(loop);
}
