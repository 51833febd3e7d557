#include "proxy/mirror/copy.h"

#include "lib/http/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void free_parts(struct px_mirrors *mirrors)
{
    px_compare_tools_deinit(&mirrors->tools);
    px_compare_tools_deinit(&mirrors->bench.tools);
    free(mirrors->spare);
    free(mirrors->drops);
    free(mirrors->head);
    free(mirrors);
}

int px_mirrors_new(const struct px_mirrors_options *options, struct px_mirrors **ret_mirrors)
{
    struct px_mirrors *mirrors = calloc(1, sizeof(*mirrors));

    if (!mirrors)
        return -ENOMEM;
    mirrors->head = malloc(TN_LOOP_OUT_BYTES);
    mirrors->spare = malloc(sizeof(*mirrors->spare));
    if (!mirrors->head || !mirrors->spare || px_compare_tools_init(&mirrors->tools) != 0 ||
        px_compare_tools_init(&mirrors->bench.tools) != 0) {
        free_parts(mirrors);
        return -ENOMEM;
    }
    mirrors->options = *options;
    mirrors->bench.budget.seed = options->seed;
    tn_list_init(&mirrors->copies);
    tn_list_init(&mirrors->shells);
    tn_list_init(&mirrors->cases);
    tn_list_init(&mirrors->waiting);
    /* no counters: a mirror's failures are not its endpoint's */
    px_pool_init(&mirrors->pool, options->loop, options->limits, NULL);
    *ret_mirrors = mirrors;
    return 0;
}

void px_mirrors_stop(struct px_mirrors *mirrors)
{
    mirrors->is_stopping = true;
    while (!tn_list_is_empty(&mirrors->copies))
        px_copy_over(TN_CONTAINER_OF(mirrors->copies.next, struct px_mirror_copy, node),
                     PX_COPY_STOPPED, false);
    px_cases_stop(mirrors);
    px_pool_stop(&mirrors->pool);
}

void px_mirrors_free(struct px_mirrors *mirrors)
{
    if (!mirrors)
        return;
    assert(tn_list_is_empty(&mirrors->copies) && tn_list_is_empty(&mirrors->shells));
    assert(tn_list_is_empty(&mirrors->cases) && tn_list_is_empty(&mirrors->waiting));
    assert(mirrors->pool.open_count == 0);
    free_parts(mirrors);
}

void px_mirrors_tell_anew(struct px_mirrors *mirrors)
{
    mirrors->told = 0;
}

void px_mirrors_drop_idle(struct px_mirrors *mirrors, const struct px_endpoint *endpoint)
{
    px_pool_drop_idle(&mirrors->pool, endpoint);
}

static void on_deadline(struct tn_deadline *deadline)
{
    struct px_mirror_copy *copy = TN_CONTAINER_OF(deadline, struct px_mirror_copy, deadline);

    px_copy_over(copy, PX_COPY_TIMEOUT, false);
}

/* Everything that cannot fail, so that px_copy_over() may be called from here on. */
static void init_copy(struct px_mirror_copy *copy, struct px_mirrors *mirrors,
                      const struct px_mirror_begin *begin)
{
    struct px_stats *stats = mirrors->options.stats;
    struct tn_str id = tn_http_request_id(begin->head, begin->how->request_id);

    memset(copy, 0, offsetof(struct px_mirror_copy, answer));
    copy->mirrors = mirrors;
    copy->counters =
        begin->is_baseline ? stats->baselines[begin->rule] : stats->mirrors[begin->rule][begin->to];
    assert(copy->counters);
    tn_list_push_back(&mirrors->copies, &copy->node);
    tn_deadline_init(&copy->deadline, on_deadline);
    copy->max_body = begin->mirror->max_body_bytes;
    copy->started_ns = tn_loop_now_ns(mirrors->options.loop);
    copy->is_live = true;
    copy->is_chunked = begin->head->chunked;
    copy->is_head_request = begin->head->method == TN_HTTP_HEAD;
    id.len = id.len < PX_COPY_ID_BYTES ? id.len : PX_COPY_ID_BYTES - 1;
    if (id.len > 0)
        memcpy(copy->request_id, id.ptr, id.len);
    copy->end = (struct px_mirror_end){.request_id = copy->request_id,
                                       .rule = begin->rule,
                                       .to = begin->to,
                                       .endpoint = begin->endpoint,
                                       .revision = begin->revision,
                                       .is_baseline = begin->is_baseline,
                                       .owner = begin->owner};
    copy->counters->selected++;
    if (!begin->compared)
        return;
    copy->compared = begin->compared;
    copy->place = begin->is_baseline ? PX_CASE_BASELINE : begin->place;
    px_case_join(copy->compared, copy->place, begin);
}

/* PX_COPY_WHY_COUNT, or why there can be no copy. */
static enum px_copy_why admit(struct px_mirror_copy *copy, const struct px_mirror_begin *begin)
{
    const struct px_mirrors_options *options = &copy->mirrors->options;

    if (copy->mirrors->is_stopping)
        return PX_COPY_STOPPED;
    if (begin->head->content_length > 0 && (uint64_t)begin->head->content_length > copy->max_body)
        return PX_COPY_LIMIT;
    if (!begin->endpoint)
        return PX_COPY_NO_ENDPOINT;
    copy->is_counted = true;
    if (atomic_fetch_add_explicit(options->in_flight, 1, memory_order_relaxed) >=
        options->limits->mirror_in_flight)
        return PX_COPY_IN_FLIGHT;
    return px_copy_charge(copy, 0) ? PX_COPY_WHY_COUNT : PX_COPY_MEMORY;
}

/* drop_headers as views. NULL when out of memory: leaving one out could leak a secret. */
static const struct tn_str *drop_names(struct px_mirrors *mirrors, const struct px_mirror *mirror)
{
    if (mirror->drop_header_count > mirrors->drop_size || !mirrors->drops) {
        size_t count = mirror->drop_header_count + 1u;
        struct tn_str *grown = realloc(mirrors->drops, count * sizeof(*grown));

        if (!grown)
            return NULL;
        mirrors->drops = grown;
        mirrors->drop_size = mirror->drop_header_count;
    }
    for (uint32_t i = 0; i < mirror->drop_header_count; i++)
        mirrors->drops[i] = tn_str_of(mirror->drop_headers[i]);
    return mirrors->drops;
}

/* False: the copy is over. */
static bool put_head(struct px_mirror_copy *copy, const struct px_mirror_begin *begin)
{
    struct px_mirrors *mirrors = copy->mirrors;
    struct tn_http_forward_request how = *begin->how;
    struct tn_str head;
    int len;

    how.mirror = true;
    how.upgrade = false;
    how.drop = drop_names(mirrors, begin->mirror);
    how.drop_count = begin->mirror->drop_header_count;
    if (!how.drop) {
        px_copy_over(copy, PX_COPY_MEMORY, false);
        return false;
    }
    len = tn_http_write_request(begin->head, &how, mirrors->head, TN_LOOP_OUT_BYTES);
    if (len < 0) {
        px_copy_over(copy, PX_COPY_LIMIT, false); /* the head outgrew its buffer */
        return false;
    }
    head = (struct tn_str){mirrors->head, (size_t)len};
    return px_copy_put(copy, &head, 1);
}

/* False: the copy is over. */
static bool take_connection(struct px_mirror_copy *copy, struct px_endpoint *endpoint)
{
    const struct px_mirrors_options *options = &copy->mirrors->options;
    struct px_lease lease = {.endpoint = endpoint,
                             .ops = &px_copy_upstream_ops,
                             .user = copy,
                             .connect_ms = options->limits->mirror_connect_ms};
    int error = px_pool_lease(&copy->mirrors->pool, &lease, &copy->upstream);

    if (error) {
        px_copy_over(copy, error == -ENOMEM ? PX_COPY_MEMORY : PX_COPY_CONNECT, false);
        return false;
    }
    if (copy->upstream->is_connected)
        px_copy_await_answer(copy);
    return true;
}

struct px_mirror_copy *px_mirror_begin(struct px_mirrors *mirrors,
                                       const struct px_mirror_begin *begin)
{
    struct px_mirror_copy *copy = malloc(sizeof(*copy));
    enum px_copy_why why;

    /* without memory it is still a copy that was selected, dropped and told of */
    init_copy(copy ? copy : mirrors->spare, mirrors, begin);
    if (!copy) {
        px_copy_over(mirrors->spare, PX_COPY_MEMORY, false);
        return NULL;
    }
    why = admit(copy, begin);
    if (why != PX_COPY_WHY_COUNT) {
        px_copy_over(copy, why, false);
        return NULL;
    }
    if (!put_head(copy, begin) || !take_connection(copy, begin->endpoint))
        return NULL;
    tn_deadline_after(mirrors->options.loop, &copy->deadline,
                      mirrors->options.limits->mirror_total_ms);
    copy->has_handle = true;
    return copy;
}

/* Ends the session's hold of a copy that is over. */
static void free_shell(struct px_mirror_copy *copy)
{
    tn_list_remove(&copy->node);
    free(copy);
}

bool px_mirror_body(struct px_mirror_copy *copy, const struct tn_str *pieces, unsigned count)
{
    struct tn_str framed[TN_HTTP_BODY_VIEWS + 2];
    char chunk_head[TN_HTTP_CHUNK_HEAD_MAX];
    size_t total = 0;
    unsigned used = 0;

    assert(copy->has_handle && count <= TN_HTTP_BODY_VIEWS);
    if (!copy->is_live) {
        free_shell(copy);
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        total += pieces[i].len;
    if (total == 0)
        return true;          /* an empty chunk would be the last one */
    copy->has_handle = false; /* from here on the answer says whether there is a copy */
    copy->body_len += total;
    if (copy->body_len > copy->max_body) {
        px_copy_over(copy, PX_COPY_LIMIT, false);
        return false;
    }
    if (copy->is_chunked)
        framed[used++] = (struct tn_str){chunk_head, tn_http_chunk_head(total, chunk_head)};
    memcpy(framed + used, pieces, count * sizeof(*pieces));
    used += count;
    if (copy->is_chunked)
        framed[used++] = TN_STR("\r\n");
    copy->is_flushing = true;
    if (!px_copy_send(copy, framed, used))
        return false;
    copy->has_handle = true;
    return true;
}

void px_mirror_end(struct px_mirror_copy *copy)
{
    struct tn_str last = TN_HTTP_LAST_CHUNK;

    assert(copy->has_handle);
    copy->has_handle = false;
    if (!copy->is_live) {
        free_shell(copy);
        return;
    }
    copy->is_complete = true;
    copy->is_flushing = true;
    px_copy_send(copy, &last, copy->is_chunked ? 1 : 0);
}

void px_mirror_abort(struct px_mirror_copy *copy)
{
    assert(copy->has_handle);
    copy->has_handle = false;
    if (copy->is_live)
        px_copy_over(copy, PX_COPY_CLIENT_LEFT, false);
    else
        free_shell(copy);
}
