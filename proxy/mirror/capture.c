#include "proxy/mirror/capture.h"

#include "proxy/mirror/copy.h"

#include <stdlib.h>
#include <xxhash.h>

#define BODY_MIN_BYTES 512u

void px_capture_init(struct px_capture *capture, struct px_mirrors *mirrors)
{
    *capture = (struct px_capture){.mirrors = mirrors};
}

void px_capture_deinit(struct px_capture *capture)
{
    free(capture->head);
    free(capture->body);
    XXH3_freeState(capture->hash);
    px_mirrors_uncharge(capture->mirrors, capture->charged);
    *capture = (struct px_capture){.mirrors = capture->mirrors};
}

/* malloc within the budget. */
static void *take(struct px_capture *capture, size_t size)
{
    void *memory;

    if (!px_mirrors_charge(capture->mirrors, size))
        return NULL;
    memory = malloc(size);
    if (memory)
        capture->charged += size;
    else
        px_mirrors_uncharge(capture->mirrors, size);
    return memory;
}

static void lose_body(struct px_capture *capture)
{
    free(capture->body);
    px_mirrors_uncharge(capture->mirrors, capture->size);
    capture->charged -= capture->size;
    capture->body = NULL;
    capture->len = capture->size = 0;
}

void px_capture_head(struct px_capture *capture, const struct tn_http_head *head)
{
    size_t used = offsetof(struct tn_http_head, fields) + head->field_count * sizeof(*head->fields);
    struct tn_http_head *copy = take(capture, used + head->len);

    if (!copy) {
        capture->is_out_of_memory = true;
        return;
    }
    memcpy(copy, head, used);
    memcpy((char *)copy + used, head->base, head->len);
    copy->base = (char *)copy + used;
    capture->head = copy;
}

static size_t sum(const struct tn_str *pieces, unsigned count)
{
    size_t total = 0;

    for (unsigned i = 0; i < count; i++)
        total += pieces[i].len;
    return total;
}

/* Room for len more bytes within `max`. */
static bool reserve(struct px_capture *capture, size_t len, size_t max)
{
    size_t need = capture->len + len;
    size_t size = capture->size ? capture->size : BODY_MIN_BYTES;
    size_t before = capture->size;
    char *grown;

    if (need <= capture->size)
        return true;
    while (size < need)
        size *= 2;
    if (size > max)
        size = max;
    grown = take(capture, size);
    if (!grown)
        return false;
    if (capture->len > 0)
        memcpy(grown, capture->body, capture->len);
    free(capture->body);
    px_mirrors_uncharge(capture->mirrors, before);
    capture->charged -= before;
    capture->body = grown;
    capture->size = (uint32_t)size;
    return true;
}

/* From here on only a hash of the body is made; of what was kept its beginning stays. */
static void cut(struct px_capture *capture)
{
    XXH3_state_t *hash = XXH3_createState();

    capture->is_cut = true;
    capture->hash = hash;
    if (!hash || XXH3_128bits_reset(hash) != XXH_OK) {
        capture->is_out_of_memory = true;
        return;
    }
    if (capture->len > 0)
        XXH3_128bits_update(hash, capture->body, capture->len);
}

/* What was kept is of no more use but for its first bytes. */
static void shrink(struct px_capture *capture)
{
    char start[PX_CAPTURE_START_BYTES];
    uint32_t len = capture->len < sizeof(start) ? capture->len : (uint32_t)sizeof(start);

    if (len == 0)
        return;
    memcpy(start, capture->body, len);
    lose_body(capture);
    capture->body = take(capture, sizeof(start));
    if (!capture->body)
        return;
    capture->size = sizeof(start);
    capture->len = len;
    memcpy(capture->body, start, len);
}

static void append(struct px_capture *capture, const struct tn_str *pieces, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t room = capture->size - capture->len;
        size_t len = pieces[i].len < room ? pieces[i].len : room;

        if (len > 0)
            memcpy(capture->body + capture->len, pieces[i].ptr, len);
        capture->len += (uint32_t)len;
    }
}

/* Of a body that is too large its first `max` bytes stay, if they are wanted. */
static bool keep_start(struct px_capture *capture, const struct tn_str *pieces, unsigned count,
                       size_t max)
{
    if (!capture->keeps_start || capture->is_out_of_memory ||
        !reserve(capture, max - capture->len, max))
        return false;
    append(capture, pieces, count);
    return true;
}

void px_capture_body(struct px_capture *capture, const struct tn_str *pieces, unsigned count)
{
    size_t max = capture->mirrors->options.limits->compare_body_bytes;
    size_t total = sum(pieces, count);

    capture->body_len += total;
    if (!capture->is_cut && capture->body_len <= max && reserve(capture, total, max)) {
        append(capture, pieces, count);
        return;
    }
    if (!capture->is_cut) {
        capture->is_out_of_memory = capture->body_len <= max;
        cut(capture);
        if (!keep_start(capture, pieces, count, max))
            shrink(capture);
    }
    for (unsigned i = 0; capture->hash && i < count; i++)
        XXH3_128bits_update(capture->hash, pieces[i].ptr, pieces[i].len);
}

void px_capture_end(struct px_capture *capture)
{
    XXH128_hash_t hash = {0};

    if (!capture->is_cut)
        hash = XXH3_128bits(capture->body, capture->len);
    else if (capture->hash)
        hash = XXH3_128bits_digest(capture->hash);
    capture->body_hash[0] = hash.low64;
    capture->body_hash[1] = hash.high64;
    capture->is_whole = capture->head && (!capture->is_cut || capture->hash);
}

/* --- views -------------------------------------------------------------------------------------
 */

/* The values of all fields of this name, as one list (RFC 9110 5.3). */
static struct tn_str join(const struct tn_http_head *head, struct tn_str name, char **to)
{
    struct tn_str joined = {*to, 0};

    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_str value = tn_http_view(head, head->fields[i].value);

        if (!tn_str_equal_nocase(tn_http_view(head, head->fields[i].name), name))
            continue;
        if (*to > joined.ptr) {
            memcpy(*to, ", ", 2);
            *to += 2;
        }
        if (value.len > 0)
            memcpy(*to, value.ptr, value.len);
        *to += value.len;
    }
    joined.len = (size_t)(*to - joined.ptr);
    return joined;
}

/* Value of a field; ptr NULL: it is not there. False: no memory. */
static bool find_value(const struct px_capture *capture, struct tn_str name,
                       struct px_capture_view *view, char **to, struct tn_str *ret_value)
{
    const struct tn_http_head *head = capture->head;
    const struct tn_http_field *first;
    unsigned count = tn_http_find_name(head, name, &first);

    *ret_value = (struct tn_str){NULL, 0};
    if (count == 1) {
        *ret_value = tn_http_view(head, first->value);
    } else if (count > 1) {
        if (!view->memory) {
            /* a list is never longer than its lines with their names and ends; Content-Encoding may
             * be looked at twice */
            *to = view->memory = malloc(2 * (size_t)head->len);
            if (!view->memory)
                return false;
        }
        *ret_value = join(head, name, to);
    }
    return true;
}

bool px_capture_view(const struct px_capture *capture, const struct px_compare *compare,
                     struct px_capture_view *ret_view)
{
    char *to = NULL;
    bool ok;

    ret_view->memory = NULL;
    ret_view->answer =
        (struct px_compare_answer){.status = capture->head->status,
                                   .headers = ret_view->headers,
                                   .body = {capture->body, capture->len},
                                   .body_len = capture->body_len,
                                   .body_hash = {capture->body_hash[0], capture->body_hash[1]},
                                   .is_whole = !capture->is_cut,
                                   .is_out_of_memory = capture->is_out_of_memory};
    ok = find_value(capture, TN_STR("content-encoding"), ret_view, &to,
                    &ret_view->answer.content_encoding);
    for (uint32_t i = 0; ok && i < compare->header_count; i++)
        ok = find_value(capture, tn_str_of(compare->headers[i]), ret_view, &to,
                        &ret_view->headers[i]);
    if (!ok)
        px_capture_view_deinit(ret_view);
    return ok;
}

void px_capture_view_deinit(struct px_capture_view *view)
{
    free(view->memory);
    view->memory = NULL;
}
