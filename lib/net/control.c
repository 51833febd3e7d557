#include "lib/net/control.h"
#include "lib/net/private.h"

#include <stddef.h>

static void on_uv_signal(uv_signal_t *uv, int number)
{
    struct tn_signal *signal = TN_CONTAINER_OF(uv, struct tn_signal, uv);

    signal->on_signal(signal, number);
}

int tn_signal_open(struct tn_signal *signal, struct tn_loop *loop, int number,
                   void (*on_signal)(struct tn_signal *signal, int number))
{
    int error = uv_signal_init(&loop->uv, &signal->uv);

    if (error)
        return error;
    signal->on_signal = on_signal;
    signal->on_closed = NULL;
    /* by which a signal reaches the loop */
    error = tn_watch_fd(loop, loop->uv.signal_io_watcher.fd);
    if (!error)
        error = uv_signal_start(&signal->uv, on_uv_signal, number);
    if (!error)
        return 0;
    /* the memory is the caller's and may go at once: wait for the handle here */
    uv_close((uv_handle_t *)&signal->uv, NULL);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    return error;
}

static void on_signal_closed(uv_handle_t *handle)
{
    struct tn_signal *signal = TN_CONTAINER_OF((uv_signal_t *)(void *)handle, struct tn_signal, uv);

    if (signal->on_closed)
        signal->on_closed(signal);
}

void tn_signal_close(struct tn_signal *signal, void (*on_closed)(struct tn_signal *signal))
{
    signal->on_closed = on_closed;
    if (!uv_is_closing((uv_handle_t *)&signal->uv))
        uv_close((uv_handle_t *)&signal->uv, on_signal_closed);
}

static void on_uv_timer(uv_timer_t *uv)
{
    struct tn_timer *timer = TN_CONTAINER_OF(uv, struct tn_timer, uv);

    timer->on_timer(timer);
}

int tn_timer_open(struct tn_timer *timer, struct tn_loop *loop,
                  void (*on_timer)(struct tn_timer *timer))
{
    timer->on_timer = on_timer;
    timer->on_closed = NULL;
    return uv_timer_init(&loop->uv, &timer->uv);
}

void tn_timer_start(struct tn_timer *timer, uint64_t first_ms, uint64_t repeat_ms)
{
    uv_timer_start(&timer->uv, on_uv_timer, first_ms, repeat_ms);
}

void tn_timer_stop(struct tn_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct tn_timer *timer = TN_CONTAINER_OF((uv_timer_t *)(void *)handle, struct tn_timer, uv);

    if (timer->on_closed)
        timer->on_closed(timer);
}

void tn_timer_close(struct tn_timer *timer, void (*on_closed)(struct tn_timer *timer))
{
    timer->on_closed = on_closed;
    if (!uv_is_closing((uv_handle_t *)&timer->uv))
        uv_close((uv_handle_t *)&timer->uv, on_timer_closed);
}
