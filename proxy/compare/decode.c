#include "proxy/compare/parts.h"

#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15
#define DETECT 32 /* gzip or zlib, by the first bytes */

struct output {
    char *bytes;
    size_t len, size, max;
};

static bool grow(struct output *output)
{
    size_t size = output->size ? output->size * 2 : 4096;
    char *grown;

    if (size > output->max + 1)
        size = output->max + 1; /* one more than is allowed: to see that it is too much */
    grown = realloc(output->bytes, size);
    if (!grown)
        return false;
    output->bytes = grown;
    output->size = size;
    return true;
}

/* One member, or all of a zlib stream. Z_STREAM_END, Z_MEM_ERROR, or another error. */
static int inflate_some(z_stream *stream, struct output *output)
{
    for (;;) {
        int r;

        if (output->len == output->size) {
            if (output->size > output->max)
                return Z_BUF_ERROR;
            if (!grow(output))
                return Z_MEM_ERROR;
        }
        stream->next_out = (Bytef *)output->bytes + output->len;
        stream->avail_out = (uInt)(output->size - output->len);
        r = inflate(stream, Z_NO_FLUSH);
        output->len = output->size - stream->avail_out;
        if (r != Z_OK)
            return r;
        if (stream->avail_in == 0 && stream->avail_out > 0)
            return Z_DATA_ERROR; /* cut off */
    }
}

static enum px_decode inflate_all(struct tn_str body, int window_bits, struct output *output)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)body.ptr, .avail_in = (uInt)body.len};
    int r = inflateInit2(&stream, window_bits);

    if (r != Z_OK)
        return PX_DECODE_NO_MEMORY;
    do {
        r = inflate_some(&stream, output);
        /* gzip may have several members, one behind the other */
    } while (r == Z_STREAM_END && stream.avail_in > 0 && inflateReset(&stream) == Z_OK);
    inflateEnd(&stream);
    if (r == Z_MEM_ERROR)
        return PX_DECODE_NO_MEMORY;
    if (output->len > output->max)
        return PX_DECODE_TOO_LARGE;
    return r == Z_STREAM_END ? PX_DECODE_DONE : PX_DECODE_BROKEN;
}

/* `deflate` is a zlib stream, but services have always sent it without the wrapping too. */
static enum px_decode inflate_body(struct tn_str body, bool may_be_raw, struct output *output)
{
    enum px_decode result = inflate_all(body, WINDOW_BITS + DETECT, output);

    if (result != PX_DECODE_BROKEN || !may_be_raw || output->len > 0)
        return result;
    return inflate_all(body, -WINDOW_BITS, output);
}

enum px_decode px_compare_decode(struct tn_str encoding, struct tn_str body, size_t max,
                                 char **ret_memory, struct tn_str *ret_bytes)
{
    struct output output = {.max = max};
    bool is_deflate = tn_str_equal_nocase(encoding, TN_STR("deflate"));
    enum px_decode result;

    *ret_memory = NULL;
    if (encoding.len == 0 || tn_str_equal_nocase(encoding, TN_STR("identity")) || body.len == 0) {
        *ret_bytes = body;
        return body.len > max ? PX_DECODE_TOO_LARGE : PX_DECODE_DONE;
    }
    if (!is_deflate && !tn_str_equal_nocase(encoding, TN_STR("gzip")) &&
        !tn_str_equal_nocase(encoding, TN_STR("x-gzip")))
        return PX_DECODE_UNKNOWN;
    result = inflate_body(body, is_deflate, &output);
    if (result != PX_DECODE_DONE) {
        free(output.bytes);
        return result;
    }
    *ret_memory = output.bytes;
    *ret_bytes = (struct tn_str){output.bytes, output.len};
    return PX_DECODE_DONE;
}
