#include "proxy/compare/parts.h"

#include <stdio.h>
#include <xxhash.h>

#define ELLIPSIS "\xe2\x80\xa6"

/* A path under construction, cut at the end of a character. */
struct text {
    char *bytes;
    size_t len;
    bool is_cut;
};

static void add(struct text *text, const char *bytes, size_t len)
{
    const size_t room = PX_COMPARE_PATH_BYTES - sizeof(ELLIPSIS);

    if (text->is_cut)
        return;
    if (text->len + len > room) {
        len = room - text->len;
        /* not within a character of several bytes */
        while (len > 0 && ((unsigned char)bytes[len] & 0xc0) == 0x80)
            len--;
        text->is_cut = true;
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    if (text->is_cut) {
        memcpy(text->bytes + text->len, ELLIPSIS, sizeof(ELLIPSIS) - 1);
        text->len += sizeof(ELLIPSIS) - 1;
    }
}

static void add_key(struct text *text, struct tn_str key)
{
    for (size_t i = 0; i < key.len && !text->is_cut;) {
        size_t run = i;

        while (run < key.len && key.ptr[run] != '~' && key.ptr[run] != '/')
            run++;
        add(text, key.ptr + i, run - i);
        if (run < key.len)
            add(text, key.ptr[run] == '~' ? "~0" : "~1", 2);
        i = run + 1;
    }
}

static void write_path(const struct px_compare_way *way, char *path)
{
    struct text text = {.bytes = path};

    for (uint32_t i = 0; i < way->depth; i++) {
        add(&text, "/", 1);
        if (way->keys[i].ptr)
            add_key(&text, way->keys[i]);
        else
            add(&text, "*", 1);
    }
    path[text.len] = '\0';
}

uint64_t px_compare_hash(const struct px_compare_context *context, struct tn_str bytes)
{
    uint64_t hash = XXH3_64bits_withSeed(bytes.ptr, bytes.len, context->budget->seed);

    return hash ? hash : 1;
}

void px_compare_tell_at(struct px_compare_context *context, enum px_compare_kind kind,
                        const char *path, uint64_t primary, uint64_t shadow)
{
    struct px_compare_outcome *comparison = context->comparison;
    struct px_compare_difference *difference;

    for (uint32_t i = 0; i < comparison->count; i++) {
        if (comparison->differences[i].kind == kind &&
            strcmp(comparison->differences[i].path, path) == 0)
            return;
    }
    if (comparison->count == PX_COMPARE_DIFFERENCES_MAX) {
        comparison->has_more = true;
        return;
    }
    difference = &comparison->differences[comparison->count++];
    *difference =
        (struct px_compare_difference){.kind = kind, .primary = primary, .shadow = shadow};
    (void)snprintf(difference->path, sizeof(difference->path), "%s", path);
}

void px_compare_tell(struct px_compare_context *context, enum px_compare_kind kind,
                     uint64_t primary, uint64_t shadow)
{
    char path[PX_COMPARE_PATH_BYTES];

    if (px_compare_is_over(context))
        return; /* what was not looked at to the end is no difference */
    if (context->quiet > 0) {
        context->quiet_count++;
        return;
    }
    write_path(&context->way, path);
    px_compare_tell_at(context, kind, path, primary, shadow);
}
