#include "proxy/compare/pairs.h"

#include <stdlib.h>

#define MEMORY_PART 4 /* of mirror_memory */

/* --- one pair ----------------------------------------------------------------------------------
 */

/* Copies into what is behind a pair, or only counts when there is nothing yet. */
struct room {
    char *at;
    uint64_t used;
};

static struct tn_str put(struct room *room, struct tn_str text)
{
    struct tn_str copy = {NULL, text.len};

    room->used += text.len;
    if (!room->at)
        return text;
    /* an empty text is one that is there */
    copy.ptr = text.ptr ? room->at : NULL;
    if (text.len > 0)
        memcpy(room->at, text.ptr, text.len);
    room->at += text.len;
    return copy;
}

static void put_answer(struct room *room, const struct px_compare_answer *from,
                       struct px_pair_answer *to)
{
    *to = (struct px_pair_answer){.status = from->status,
                                  .content_encoding = put(room, from->content_encoding),
                                  .body = put(room, from->body),
                                  .body_len = from->body_len};
}

static uint32_t count_fields(const struct px_pair_of *of)
{
    uint32_t count = of->outcome->count;

    return count < PX_COMPARE_DIFFERENCES_MAX ? count : PX_COMPARE_DIFFERENCES_MAX;
}

/* pair->headers and pair->fields have their room. */
static void fill(struct px_pair *pair, const struct px_pair_of *of, struct room *room)
{
    pair->group = put(room, tn_str_of(of->group));
    pair->path = put(room, of->path);
    pair->request_id = put(room, of->request_id);
    for (uint32_t i = 0; i < pair->header_count; i++) {
        pair->headers[i].name = put(room, tn_str_of(of->compare->headers[i]));
        for (uint32_t k = 0; k < PX_PAIR_SIDES; k++)
            pair->headers[i].values[k] = put(room, of->answers[k]->headers[i]);
    }
    for (uint32_t i = 0; i < pair->field_count; i++) {
        pair->fields[i].kind = of->outcome->differences[i].kind;
        pair->fields[i].path = put(room, tn_str_of(of->outcome->differences[i].path));
    }
    for (uint32_t k = 0; k < PX_PAIR_SIDES; k++)
        put_answer(room, of->answers[k], &pair->answers[k]);
}

struct px_pair *px_pair_new(const struct px_pair_of *of)
{
    struct px_pair_header headers[PX_COMPARE_HEADERS_MAX];
    struct px_pair_field fields[PX_COMPARE_DIFFERENCES_MAX];
    struct px_pair sketch = {.result = of->outcome->result,
                             .has_more = of->outcome->has_more,
                             .header_count = of->compare->header_count,
                             .field_count = count_fields(of),
                             .headers = headers,
                             .fields = fields};
    struct room room = {NULL, 0};
    struct px_pair *pair;

    fill(&sketch, of, &room);
    sketch.size = sizeof(sketch) + sketch.header_count * sizeof(headers[0]) +
                  sketch.field_count * sizeof(fields[0]) + room.used;
    pair = malloc(sketch.size);
    if (!pair)
        return NULL;
    *pair = sketch;
    atomic_init(&pair->references, 1);
    pair->headers = (void *)(pair + 1);
    pair->fields = (void *)(pair->headers + pair->header_count);
    room.at = (char *)(pair->fields + pair->field_count);
    fill(pair, of, &room);
    return pair;
}

struct px_pair *px_pair_take(struct px_pair *pair)
{
    atomic_fetch_add_explicit(&pair->references, 1, memory_order_relaxed);
    return pair;
}

void px_pair_give(struct px_pair *pair)
{
    if (!pair || atomic_fetch_sub_explicit(&pair->references, 1, memory_order_acq_rel) > 1)
        return;
    if (pair->budget)
        atomic_fetch_sub_explicit(pair->budget, pair->size, memory_order_relaxed);
    free(pair);
}

/* --- rings -------------------------------------------------------------------------------------
 */

uint64_t px_pairs_limit(uint64_t mirror_memory_bytes)
{
    uint64_t part = mirror_memory_bytes / MEMORY_PART;

    return part < PX_PAIRS_BYTES_MAX ? part : PX_PAIRS_BYTES_MAX;
}

static void drop_oldest(struct px_pairs *pairs)
{
    pairs->bytes -= pairs->list[0]->size;
    px_pair_give(pairs->list[0]);
    pairs->count--;
    memmove(&pairs->list[0], &pairs->list[1], pairs->count * sizeof(pairs->list[0]));
}

static bool charge(_Atomic uint64_t *budget, uint64_t bytes, uint64_t limit)
{
    if (atomic_fetch_add_explicit(budget, bytes, memory_order_relaxed) + bytes <= limit)
        return true;
    atomic_fetch_sub_explicit(budget, bytes, memory_order_relaxed);
    return false;
}

void px_pairs_push(struct px_pairs *pairs, struct px_pair *pair, uint64_t now_ns,
                   _Atomic uint64_t *budget, uint64_t limit)
{
    bool has_room = pairs->max > 0 && pair->size <= limit;

    while (has_room && pairs->count >= pairs->max)
        drop_oldest(pairs);
    while (has_room && !charge(budget, pair->size, limit)) {
        if (pairs->count > 0)
            drop_oldest(pairs);
        else
            has_room = false;
    }
    if (!has_room) {
        pairs->lost += pairs->max > 0;
        px_pair_give(pair);
        return;
    }
    pair->budget = budget;
    pair->at_ns = now_ns;
    pairs->list[pairs->count++] = pair;
    pairs->bytes += pair->size;
}

void px_pairs_add(struct px_pairs *into, const struct px_pairs *from)
{
    struct px_pair *all[2 * PX_PAIRS_MAX];
    uint32_t count = into->count + from->count;
    uint32_t i = 0;
    uint32_t k = 0;
    uint32_t skip;

    for (uint32_t n = 0; n < count; n++) {
        bool is_ours =
            k == from->count || (i < into->count && into->list[i]->at_ns <= from->list[k]->at_ns);

        all[n] = is_ours ? into->list[i++] : px_pair_take(from->list[k++]);
    }
    if (into->max < from->max)
        into->max = from->max;
    into->lost += from->lost;
    skip = count > into->max ? count - into->max : 0;
    for (uint32_t n = 0; n < skip; n++)
        px_pair_give(all[n]);
    into->count = count - skip;
    into->bytes = 0;
    for (uint32_t n = 0; n < into->count; n++) {
        into->list[n] = all[skip + n];
        into->bytes += into->list[n]->size;
    }
}

void px_pairs_clear(struct px_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        px_pair_give(pairs->list[i]);
    *pairs = (struct px_pairs){0};
}
