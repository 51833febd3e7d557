#include "lib/net/wake.h"

#include <sched.h>

static void on_async(uv_async_t *async)
{
    struct tn_wake *wake = TN_CONTAINER_OF(async, struct tn_wake, async);

    wake->on_wake(wake);
}

int tn_wake_open(struct tn_wake *wake, struct tn_loop *loop, void (*on_wake)(struct tn_wake *wake))
{
    atomic_init(&wake->senders, 0);
    atomic_init(&wake->is_closed, false);
    wake->on_wake = on_wake;
    wake->on_closed = NULL;
    return uv_async_init(&loop->uv, &wake->async, on_async);
}

void tn_wake_send(struct tn_wake *wake)
{
    atomic_fetch_add(&wake->senders, 1);
    if (!atomic_load(&wake->is_closed))
        uv_async_send(&wake->async);
    atomic_fetch_sub(&wake->senders, 1);
}

static void on_uv_close(uv_handle_t *handle)
{
    struct tn_wake *wake = TN_CONTAINER_OF((uv_async_t *)(void *)handle, struct tn_wake, async);

    if (wake->on_closed)
        wake->on_closed(wake);
}

void tn_wake_close(struct tn_wake *wake, void (*on_closed)(struct tn_wake *wake))
{
    atomic_store(&wake->is_closed, true);
    /* A sender is inside for the time of one write to an eventfd; closing is once in a life. */
    while (atomic_load(&wake->senders) > 0)
        sched_yield();
    wake->on_closed = on_closed;
    uv_close((uv_handle_t *)&wake->async, on_uv_close);
}
