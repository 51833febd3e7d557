#include "proxy/upstream/queue.h"

#include <assert.h>
#include <errno.h>

static struct px_waiter *waiter_of(struct tn_list *node)
{
    return TN_CONTAINER_OF(node, struct px_waiter, node);
}

/* All of one version, in their order. Those who take any endpoint stop asking at the first who
 * finds none; those who wait for their own ask for it alone. */
static void ask_version(struct px_queue *queue, uint32_t version)
{
    struct tn_list *head = &queue->waiters[version];
    bool has_room = true;

    for (queue->next = head->next; queue->next != head;) {
        struct px_waiter *waiter = waiter_of(queue->next);
        bool is_choosy = waiter->endpoint != NULL;

        queue->next = queue->next->next;
        if (!is_choosy && !has_room)
            continue;
        if (!waiter->try_room(waiter) && !is_choosy)
            has_room = false;
    }
    queue->next = NULL;
}

static void ask_all(struct px_queue *queue)
{
    for (uint32_t version = 0; version < PX_VERSIONS_MAX; version++) {
        if (queue->counts[version] > 0)
            ask_version(queue, version);
    }
}

static bool is_empty(const struct px_queue *queue)
{
    for (uint32_t version = 0; version < PX_VERSIONS_MAX; version++) {
        if (queue->counts[version] > 0)
            return false;
    }
    return true;
}

static void on_poll(struct tn_deadline *deadline)
{
    struct px_queue *queue = TN_CONTAINER_OF(deadline, struct px_queue, poll);

    ask_all(queue);
    if (!is_empty(queue))
        tn_deadline_after(queue->loop, &queue->poll, PX_QUEUE_POLL_MS);
}

static void on_wake(struct tn_wake *wake)
{
    ask_all(TN_CONTAINER_OF(wake, struct px_queue, wake));
}

int px_queue_open(struct px_queue *queue, struct px_queue_board *board, struct tn_loop *loop,
                  const struct px_limits *limits, struct px_stats *stats)
{
    int error;

    assert(board->queue_count < PX_QUEUE_LOOPS_MAX);
    queue->loop = loop;
    queue->limits = limits;
    queue->stats = stats;
    queue->board = board;
    queue->next = NULL;
    for (uint32_t version = 0; version < PX_VERSIONS_MAX; version++) {
        tn_list_init(&queue->waiters[version]);
        queue->counts[version] = 0;
        atomic_init(&queue->is_waiting[version], false);
    }
    tn_deadline_init(&queue->poll, on_poll);
    error = tn_wake_open(&queue->wake, loop, on_wake);
    if (error)
        return error;
    board->queues[board->queue_count++] = queue;
    return 0;
}

void px_queue_close(struct px_queue *queue)
{
    assert(is_empty(queue));
    tn_deadline_clear(queue->loop, &queue->poll);
    tn_wake_close(&queue->wake, NULL);
}

int px_queue_join(struct px_queue *queue, struct px_waiter *waiter)
{
    uint32_t version = waiter->version;
    struct px_stats_version *counters = &queue->stats->versions[version];

    assert(version < PX_VERSIONS_MAX && !waiter->is_waiting);
    if (queue->counts[version] >= queue->limits->queue_length) {
        counters->queue_full++;
        return -ENOSPC;
    }
    if (is_empty(queue))
        tn_deadline_after(queue->loop, &queue->poll, PX_QUEUE_POLL_MS);
    tn_list_push_back(&queue->waiters[version], &waiter->node);
    waiter->is_waiting = true;
    counters->queue_waits++;
    counters->queued++;
    if (queue->counts[version]++ == 0) {
        atomic_store(&queue->is_waiting[version], true);
        atomic_fetch_add(&queue->board->waiting[version], 1);
    }
    /* Room may have come before the board said that somebody waits. */
    tn_wake_send(&queue->wake);
    return 0;
}

void px_queue_leave(struct px_queue *queue, struct px_waiter *waiter)
{
    uint32_t version = waiter->version;

    if (!waiter->is_waiting)
        return;
    if (queue->next == &waiter->node)
        queue->next = waiter->node.next;
    tn_list_remove(&waiter->node);
    waiter->is_waiting = false;
    queue->stats->versions[version].queued--;
    if (--queue->counts[version] > 0)
        return;
    atomic_store(&queue->is_waiting[version], false);
    atomic_fetch_sub(&queue->board->waiting[version], 1);
}

void px_queue_ask_again(struct px_queue *queue)
{
    if (!is_empty(queue))
        tn_wake_send(&queue->wake);
}

void px_queue_wake(struct px_queue *queue, const struct px_endpoint *endpoint)
{
    const struct px_queue_board *board = queue->board;

    for (uint32_t i = 0; i < board->queue_count; i++) {
        if (atomic_load(&board->queues[i]->is_waiting[endpoint->version]))
            tn_wake_send(&board->queues[i]->wake);
    }
}
