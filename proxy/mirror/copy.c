#include "proxy/mirror/copy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define WAITING_MIN_BYTES 1024u

/* One reason, two names: before and after the first byte. */
static const struct {
    enum px_mirror_drop drop;
    enum px_mirror_fail fail;
} names[PX_COPY_WHY_COUNT] = {
    [PX_COPY_IN_FLIGHT] = {PX_MIRROR_DROP_IN_FLIGHT, PX_MIRROR_FAIL_COUNT},
    [PX_COPY_BUFFER] = {PX_MIRROR_DROP_BUFFER, PX_MIRROR_FAIL_BUFFER},
    [PX_COPY_MEMORY] = {PX_MIRROR_DROP_MEMORY, PX_MIRROR_FAIL_MEMORY},
    [PX_COPY_NO_ENDPOINT] = {PX_MIRROR_DROP_NO_ENDPOINT, PX_MIRROR_FAIL_COUNT},
    [PX_COPY_CONNECT] = {PX_MIRROR_DROP_CONNECT, PX_MIRROR_FAIL_RESET},
    [PX_COPY_CONNECT_TIMEOUT] = {PX_MIRROR_DROP_CONNECT_TIMEOUT, PX_MIRROR_FAIL_TIMEOUT},
    [PX_COPY_TIMEOUT] = {PX_MIRROR_DROP_TIMEOUT, PX_MIRROR_FAIL_TIMEOUT},
    [PX_COPY_RESET] = {PX_MIRROR_DROP_CONNECT, PX_MIRROR_FAIL_RESET},
    /* bytes that nobody asked for: the connection is useless */
    [PX_COPY_PROTOCOL] = {PX_MIRROR_DROP_CONNECT, PX_MIRROR_FAIL_PROTOCOL},
    [PX_COPY_CLIENT_LEFT] = {PX_MIRROR_DROP_CLIENT_LEFT, PX_MIRROR_FAIL_CLIENT_LEFT},
    [PX_COPY_LIMIT] = {PX_MIRROR_DROP_LIMIT, PX_MIRROR_FAIL_LIMIT},
    [PX_COPY_STOPPED] = {PX_MIRROR_DROP_STOPPED, PX_MIRROR_FAIL_STOPPED},
};

static void mark_sent(struct px_mirror_copy *copy)
{
    struct px_mirrors *mirrors = copy->mirrors;
    uint32_t bit = 1u << copy->end.to;

    if (copy->is_sent)
        return;
    copy->is_sent = true;
    copy->counters->sent++;
    if ((mirrors->told & bit) || !mirrors->options.on_first_sent || copy->end.is_baseline)
        return;
    mirrors->told |= bit;
    mirrors->options.on_first_sent(mirrors->options.context, copy->end.to);
}

static void count_end(struct px_mirror_copy *copy, enum px_copy_why why)
{
    copy->end.reason = "";
    if (why == PX_COPY_ANSWERED) {
        mark_sent(copy); /* its bytes may have left the tail unnoticed */
        copy->counters->answered++;
        copy->end.outcome = "answered";
    } else if (copy->is_sent) {
        assert(names[why].fail < PX_MIRROR_FAIL_COUNT);
        copy->counters->failed[names[why].fail]++;
        copy->end.outcome = "failed";
        copy->end.reason = px_mirror_fail_label(names[why].fail);
    } else {
        copy->counters->dropped[names[why].drop]++;
        copy->end.outcome = "dropped";
        copy->end.reason = px_mirror_drop_label(names[why].drop);
    }
}

static void give_back(struct px_mirror_copy *copy, bool healthy)
{
    const struct px_mirrors_options *options = &copy->mirrors->options;

    tn_deadline_clear(options->loop, &copy->deadline);
    if (copy->upstream)
        px_upstream_release(copy->upstream, healthy);
    copy->upstream = NULL;
    free(copy->waiting);
    free(copy->partial);
    copy->waiting = NULL;
    copy->partial = NULL;
    px_mirrors_uncharge(copy->mirrors, copy->charged);
    copy->charged = 0;
    if (copy->is_counted)
        atomic_fetch_sub_explicit(options->in_flight, 1, memory_order_relaxed);
    copy->is_counted = false;
}

/* The case hears of it before on_end: the snapshot that its configuration is of may go with that.
 */
static void tell_case(struct px_mirror_copy *copy, enum px_copy_why why)
{
    struct px_mirror_case *compared = copy->compared;

    copy->compared = NULL;
    if (compared)
        px_case_leave(compared, copy->place, copy->is_sent, why == PX_COPY_ANSWERED,
                      copy->first_ns > copy->asked_ns && copy->asked_ns > 0
                          ? (copy->first_ns - copy->asked_ns) / 1000
                          : UINT64_MAX);
}

void px_copy_over(struct px_mirror_copy *copy, enum px_copy_why why, bool healthy)
{
    const struct px_mirrors_options *options = &copy->mirrors->options;

    assert(copy->is_live);
    copy->is_live = false;
    count_end(copy, why);
    give_back(copy, healthy);
    tell_case(copy, why);
    tn_list_remove(&copy->node);
    copy->end.status = copy->status;
    copy->end.duration_us = (tn_loop_now_ns(copy->mirrors->options.loop) - copy->started_ns) / 1000;
    if (options->on_end)
        options->on_end(options->context, &copy->end);
    if (copy->has_handle)
        tn_list_push_back(&copy->mirrors->shells, &copy->node);
    else if (copy != copy->mirrors->spare)
        free(copy);
}

bool px_mirrors_charge(struct px_mirrors *mirrors, uint64_t bytes)
{
    const struct px_mirrors_options *options = &mirrors->options;

    if (atomic_fetch_add_explicit(options->memory, bytes, memory_order_relaxed) + bytes >
        options->limits->mirror_memory_bytes) {
        atomic_fetch_sub_explicit(options->memory, bytes, memory_order_relaxed);
        return false;
    }
    options->stats->mirror_memory_bytes += bytes;
    return true;
}

void px_mirrors_uncharge(struct px_mirrors *mirrors, uint64_t bytes)
{
    atomic_fetch_sub_explicit(mirrors->options.memory, bytes, memory_order_relaxed);
    mirrors->options.stats->mirror_memory_bytes -= bytes;
}

bool px_copy_charge(struct px_mirror_copy *copy, uint64_t more)
{
    uint64_t want = sizeof(*copy) + copy->waiting_size + copy->partial_len + more;

    if (copy->upstream)
        want += tn_stream_queued(&copy->upstream->stream);
    if (want <= copy->charged)
        px_mirrors_uncharge(copy->mirrors, copy->charged - want);
    else if (!px_mirrors_charge(copy->mirrors, want - copy->charged))
        return false;
    copy->charged = want;
    return true;
}

static size_t sum(const struct tn_str *pieces, unsigned count)
{
    size_t total = 0;

    for (unsigned i = 0; i < count; i++)
        total += pieces[i].len;
    return total;
}

/* Room for len more bytes; PX_COPY_WHY_COUNT, or why not. */
static enum px_copy_why reserve(struct px_mirror_copy *copy, size_t len)
{
    size_t max = copy->mirrors->options.limits->mirror_buffer_bytes;
    size_t need = copy->waiting_len + len;
    size_t size = copy->waiting_size;
    char *grown;

    if (need > max)
        return PX_COPY_BUFFER;
    if (need <= size)
        return PX_COPY_WHY_COUNT;
    size = size ? size : WAITING_MIN_BYTES;
    while (size < need)
        size *= 2;
    if (size > max)
        size = max;
    if (!px_copy_charge(copy, size - copy->waiting_size))
        return PX_COPY_MEMORY;
    grown = realloc(copy->waiting, size);
    if (!grown)
        return PX_COPY_MEMORY;
    copy->waiting = grown;
    copy->waiting_size = (uint32_t)size;
    return PX_COPY_WHY_COUNT;
}

static void append(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count,
                   size_t skip)
{
    for (unsigned i = 0; i < count; i++) {
        size_t from = skip < pieces[i].len ? skip : pieces[i].len;
        size_t len = pieces[i].len - from;

        skip -= from;
        if (len > 0)
            memcpy(copy->waiting + copy->waiting_len, pieces[i].ptr + from, len);
        copy->waiting_len += (uint32_t)len;
    }
}

/*
 * A client that sends faster than we turn would fill the buffer before we hear of the connection,
 * which is mostly there by then. Returns how much of the pieces went.
 */
static size_t send_early(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count)
{
    struct tn_str all[TN_STREAM_PIECES_MAX];
    size_t sent;
    size_t from_waiting;

    if (!copy->is_flushing || !copy->upstream || copy->upstream->is_connected)
        return 0;
    all[0] = (struct tn_str){copy->waiting, copy->waiting_len};
    memcpy(all + 1, pieces, count * sizeof(*pieces));
    sent = tn_stream_write_early(&copy->upstream->stream, all, count + 1);
    if (sent == 0)
        return 0;
    mark_sent(copy);
    from_waiting = sent < copy->waiting_len ? sent : copy->waiting_len;
    copy->waiting_len -= (uint32_t)from_waiting;
    memmove(copy->waiting, copy->waiting + from_waiting, copy->waiting_len);
    return sent - from_waiting;
}

bool px_copy_put(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count)
{
    size_t total = sum(pieces, count);
    size_t sent = 0;
    enum px_copy_why why;

    assert(count < TN_STREAM_PIECES_MAX);
    if (copy->waiting_len + total > copy->mirrors->options.limits->mirror_buffer_bytes)
        sent = send_early(copy, pieces, count);
    why = reserve(copy, total - sent);
    if (why != PX_COPY_WHY_COUNT) {
        px_copy_over(copy, why, false);
        return false;
    }
    append(copy, pieces, count, sent);
    return true;
}

/* given: what was unsent before, and what came. False: the copy is over. */
static bool settle(struct px_mirror_copy *copy, size_t given)
{
    size_t unsent = tn_stream_unsent(&copy->upstream->stream);

    if (unsent < given)
        mark_sent(copy);
    if (unsent > copy->mirrors->options.limits->mirror_buffer_bytes) {
        px_copy_over(copy, PX_COPY_BUFFER, false);
        return false;
    }
    if (!px_copy_charge(copy, 0)) {
        px_copy_over(copy, PX_COPY_MEMORY, false);
        return false;
    }
    return true;
}

void px_copy_settle(struct px_mirror_copy *copy)
{
    mark_sent(copy);
    px_copy_charge(copy, 0);
}

bool px_copy_send(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count)
{
    struct tn_str all[TN_STREAM_PIECES_MAX];
    size_t given;
    int error;

    assert(count < TN_STREAM_PIECES_MAX);
    if (!copy->upstream->is_connected || !copy->is_flushing)
        return count == 0 || px_copy_put(copy, pieces, count);
    all[0] = (struct tn_str){copy->waiting, copy->waiting_len};
    if (count > 0)
        memcpy(all + 1, pieces, count * sizeof(*pieces));
    given = tn_stream_unsent(&copy->upstream->stream) + sum(all, count + 1);
    error = tn_stream_write(&copy->upstream->stream, all, count + 1);
    if (error) {
        if (error == -ENOMEM)
            mark_sent(copy); /* no room for a tail: what is before it went */
        px_copy_over(copy, error == -ENOMEM ? PX_COPY_MEMORY : PX_COPY_RESET, false);
        return false;
    }
    if (copy->compared)
        copy->asked_ns = tn_loop_now_ns(copy->mirrors->options.loop);
    free(copy->waiting);
    copy->waiting = NULL;
    copy->waiting_len = copy->waiting_size = 0;
    return settle(copy, given);
}
