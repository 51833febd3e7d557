#include "proxy/upstream/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void on_stream_read(struct tn_stream *stream, char *data, size_t len);
static void on_stream_eof(struct tn_stream *stream);
static void on_stream_broken(struct tn_stream *stream, int error);
static void on_stream_drained(struct tn_stream *stream);
static void on_stream_closed(struct tn_stream *stream);

static const struct tn_stream_ops stream_ops = {
    .on_read = on_stream_read,
    .on_eof = on_stream_eof,
    .on_broken = on_stream_broken,
    .on_drained = on_stream_drained,
    .on_closed = on_stream_closed,
};

static struct px_stats_endpoint *counters_of(const struct px_upstream *upstream)
{
    struct px_stats *stats = upstream->pool->stats;

    return stats ? &stats->endpoints[upstream->endpoint->slot] : NULL;
}

void px_pool_init(struct px_pool *pool, struct tn_loop *loop, const struct px_limits *limits,
                  struct px_stats *stats)
{
    pool->loop = loop;
    pool->limits = limits;
    pool->stats = stats;
    pool->queue = NULL;
    pool->open_count = 0;
    pool->is_stopping = false;
    tn_list_init(&pool->all);
    for (size_t i = 0; i < PX_ENDPOINTS_MAX; i++) {
        tn_list_init(&pool->idle[i]);
        pool->idle_count[i] = 0;
        pool->wary[i] = (struct px_wary){0};
    }
}

static bool is_idle(const struct px_upstream *upstream)
{
    return !upstream->ops;
}

static void leave_idle(struct px_upstream *upstream)
{
    struct px_stats_endpoint *counters = counters_of(upstream);

    tn_list_remove(&upstream->node);
    assert(upstream->pool->idle_count[upstream->endpoint->slot] > 0);
    upstream->pool->idle_count[upstream->endpoint->slot]--;
    if (counters)
        counters->idle--;
}

/* Everything of the endpoint is given up here: it may be gone before the handle is. */
static void close_upstream(struct px_upstream *upstream)
{
    struct px_stats_endpoint *counters = counters_of(upstream);

    if (!upstream->stream.is_open)
        return;
    tn_list_remove(&upstream->node);
    tn_deadline_clear(upstream->pool->loop, &upstream->deadline);
    if (counters)
        counters->open--;
    upstream->ops = NULL;
    upstream->endpoint = NULL;
    tn_stream_close(&upstream->stream);
}

/* Takes one of the endpoint's max_requests: whatever other loops do, never one too many. */
static bool take_room(struct px_endpoint *endpoint, uint32_t max_requests)
{
    uint32_t in_flight = atomic_load_explicit(&endpoint->in_flight, memory_order_relaxed);

    if (max_requests == 0) {
        atomic_fetch_add_explicit(&endpoint->copies, 1, memory_order_relaxed);
        return true;
    }
    do {
        if (in_flight >= max_requests)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&endpoint->in_flight, &in_flight, in_flight + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void give_room(struct px_pool *pool, struct px_endpoint *endpoint, bool is_copy)
{
    if (is_copy) {
        atomic_fetch_sub_explicit(&endpoint->copies, 1, memory_order_relaxed);
        return;
    }
    atomic_fetch_sub(&endpoint->in_flight, 1);
    if (pool->queue)
        px_queue_freed(pool->queue, endpoint);
}

static void end_lease(struct px_upstream *upstream)
{
    give_room(upstream->pool, upstream->endpoint, upstream->is_copy);
    upstream->ops = NULL;
    upstream->user = NULL;
}

static void close_idle(struct px_upstream *upstream)
{
    leave_idle(upstream);
    close_upstream(upstream);
}

static void fail_connect(struct px_upstream *upstream, int error)
{
    const struct px_upstream_ops *ops = upstream->ops;
    struct px_stats_endpoint *counters = counters_of(upstream);
    void *user = upstream->user;

    if (counters)
        counters->connect_failures++;
    end_lease(upstream);
    close_upstream(upstream);
    upstream->user = user;
    ops->on_ready(upstream, error);
}

static void on_connected(struct tn_stream *stream, int error)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(stream, struct px_upstream, stream);

    tn_deadline_set(upstream->pool->loop, &upstream->deadline, TN_DEADLINE_NEVER);
    if (error) {
        fail_connect(upstream, error);
        return;
    }
    upstream->is_connected = true;
    upstream->ops->on_ready(upstream, 0);
}

static void on_deadline(struct tn_deadline *deadline)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(deadline, struct px_upstream, deadline);

    if (!upstream->is_connected)
        fail_connect(upstream, -ETIMEDOUT);
    else if (is_idle(upstream))
        close_idle(upstream);
}

static void on_stream_read(struct tn_stream *stream, char *data, size_t len)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(stream, struct px_upstream, stream);

    /* Nobody asked: bytes on an idle connection would become the next user's answer (RFC 9112 9.2).
     */
    if (is_idle(upstream))
        close_idle(upstream);
    else
        upstream->ops->on_read(upstream, data, len);
}

static void on_stream_eof(struct tn_stream *stream)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(stream, struct px_upstream, stream);

    if (is_idle(upstream))
        close_idle(upstream);
    else
        upstream->ops->on_eof(upstream);
}

static void on_stream_broken(struct tn_stream *stream, int error)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(stream, struct px_upstream, stream);
    struct px_stats_endpoint *counters = counters_of(upstream);

    if (counters)
        counters->resets++;
    if (is_idle(upstream))
        close_idle(upstream);
    else
        upstream->ops->on_broken(upstream, error);
}

static void on_stream_drained(struct tn_stream *stream)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(stream, struct px_upstream, stream);

    if (!is_idle(upstream) && upstream->ops->on_drained)
        upstream->ops->on_drained(upstream);
}

static void on_stream_closed(struct tn_stream *stream)
{
    struct px_upstream *upstream = TN_CONTAINER_OF(stream, struct px_upstream, stream);

    upstream->pool->open_count--;
    free(upstream);
}

static struct px_upstream *take_idle(struct px_pool *pool, struct px_endpoint *endpoint)
{
    struct tn_list *idle = &pool->idle[endpoint->slot];
    struct px_upstream *upstream;

    if (tn_list_is_empty(idle))
        return NULL;
    upstream = TN_CONTAINER_OF(idle->next, struct px_upstream, node);
    assert(upstream->endpoint == endpoint);
    leave_idle(upstream);
    upstream->is_reused = true;
    tn_deadline_set(pool->loop, &upstream->deadline, TN_DEADLINE_NEVER);
    return upstream;
}

static int open_upstream(struct px_pool *pool, struct px_endpoint *endpoint, uint64_t connect_ms,
                         struct px_upstream **ret_upstream)
{
    const struct sockaddr *address = (const struct sockaddr *)&endpoint->address.sa;
    struct px_upstream *upstream = calloc(1, sizeof(*upstream));
    struct px_stats_endpoint *counters;
    int error;

    if (!upstream)
        return -ENOMEM;
    upstream->pool = pool;
    upstream->endpoint = endpoint;
    tn_list_init(&upstream->node);
    tn_deadline_init(&upstream->deadline, on_deadline);
    tn_http_parser_init(&upstream->parser, true, &pool->limits->http);
    error = tn_stream_open(&upstream->stream, pool->loop, address->sa_family, &stream_ops);
    if (error) {
        free(upstream);
        return error;
    }
    pool->open_count++;
    counters = counters_of(upstream);
    if (counters) {
        counters->open++;
        counters->connects++;
    }
    error = tn_stream_connect(&upstream->stream, address, on_connected);
    if (error) {
        close_upstream(upstream);
        return error;
    }
    tn_deadline_after(pool->loop, &upstream->deadline, connect_ms);
    *ret_upstream = upstream;
    return 0;
}

static bool may_reuse(struct px_pool *pool, const struct px_lease *lease)
{
    const uint32_t slot = lease->endpoint->slot;

    return !lease->is_fresh && !tn_list_is_empty(&pool->idle[slot]) &&
           px_wary_may_reuse(&pool->wary[slot], lease->is_repeatable);
}

int px_pool_lease(struct px_pool *pool, const struct px_lease *lease,
                  struct px_upstream **ret_upstream)
{
    bool is_copy = lease->max_requests == 0;
    struct px_upstream *upstream;
    struct px_stats_endpoint *counters;
    int error;

    if (!take_room(lease->endpoint, lease->max_requests))
        return -EBUSY;
    upstream = may_reuse(pool, lease) ? take_idle(pool, lease->endpoint) : NULL;
    if (!upstream) {
        error = open_upstream(pool, lease->endpoint, lease->connect_ms, &upstream);
        if ((error == -EMFILE || error == -ENFILE) && px_pool_shed_idle(pool))
            error = open_upstream(pool, lease->endpoint, lease->connect_ms, &upstream);
        if (error) {
            give_room(pool, lease->endpoint, is_copy);
            return error;
        }
    }
    tn_list_push_front(&pool->all, &upstream->node);
    upstream->is_copy = is_copy;
    counters = counters_of(upstream);
    if (counters)
        counters->requests++;
    upstream->requests++;
    upstream->ops = lease->ops;
    upstream->user = lease->user;
    *ret_upstream = upstream;
    return 0;
}

static bool may_keep(const struct px_upstream *upstream)
{
    const struct px_pool *pool = upstream->pool;
    const struct px_limits *limits = pool->limits;

    return !pool->is_stopping && upstream->is_connected && upstream->stream.is_open &&
           upstream->stream.is_reading && tn_stream_queued(&upstream->stream) == 0 &&
           upstream->requests < limits->upstream_requests &&
           pool->idle_count[upstream->endpoint->slot] < limits->upstream_idle_count;
}

void px_upstream_release(struct px_upstream *upstream, bool healthy)
{
    struct px_pool *pool = upstream->pool;
    struct px_stats_endpoint *counters;

    if (healthy && upstream->is_reused)
        px_wary_lived(&pool->wary[upstream->endpoint->slot]);
    end_lease(upstream);
    if (!healthy || !may_keep(upstream)) {
        close_upstream(upstream);
        return;
    }
    tn_list_remove(&upstream->node);
    tn_list_push_front(&pool->idle[upstream->endpoint->slot], &upstream->node);
    pool->idle_count[upstream->endpoint->slot]++;
    counters = counters_of(upstream);
    if (counters)
        counters->idle++;
    tn_deadline_after(pool->loop, &upstream->deadline, pool->limits->upstream_idle_ms);
}

void px_upstream_died(struct px_upstream *upstream)
{
    assert(upstream->is_reused);
    px_wary_died(&upstream->pool->wary[upstream->endpoint->slot]);
}

static void drop_slot(struct px_pool *pool, uint32_t slot)
{
    while (!tn_list_is_empty(&pool->idle[slot]))
        close_idle(TN_CONTAINER_OF(pool->idle[slot].next, struct px_upstream, node));
}

void px_pool_drop_idle(struct px_pool *pool, const struct px_endpoint *endpoint)
{
    drop_slot(pool, endpoint->slot);
    pool->wary[endpoint->slot] = (struct px_wary){0}; /* the slot may be another's soon */
}

bool px_pool_shed_idle(struct px_pool *pool)
{
    bool was_any = false;

    for (uint32_t slot = 0; slot < PX_ENDPOINTS_MAX; slot++) {
        for (uint32_t half = (pool->idle_count[slot] + 1) / 2; half > 0; half--) {
            close_idle(TN_CONTAINER_OF(pool->idle[slot].prev, struct px_upstream, node));
            was_any = true;
        }
    }
    return was_any;
}

void px_pool_stop(struct px_pool *pool)
{
    pool->is_stopping = true;
    for (uint32_t slot = 0; slot < PX_ENDPOINTS_MAX; slot++)
        drop_slot(pool, slot);
}
