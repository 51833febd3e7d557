#include "lib/http/head_rules.h"
#include "lib/http/parser_parts.h"

#include <assert.h>

/* A size line that is not complete may hold this many bytes that will turn out to be needed. */
#define SIZE_LINE_SLACK 18

int tn_http_on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct tn_http_parser *parser = llhttp->data;
    struct tn_http_step *step = parser->step;

    /* on_chunk_complete pauses before there can be one too many */
    assert(step->body_count < TN_HTTP_BODY_VIEWS);
    step->body[step->body_count++] = (struct tn_str){at, len};
    step->body_len += len;
    return 0;
}

static unsigned hex_digits(uint64_t value)
{
    unsigned digits = 1;

    while (value >>= 4)
        digits++;
    return digits;
}

/* After a size line. What the shortest spelling of this chunk takes is not extra: the digits, a
 * line end, and another one after the data. */
int tn_http_on_chunk_header(llhttp_t *llhttp)
{
    struct tn_http_parser *parser = llhttp->data;

    if (llhttp->content_length > TN_HTTP_CONTENT_LENGTH_MAX) {
        parser->error = TN_HTTP_E_BAD_CHUNK;
        return -1;
    }
    parser->extra_bytes -=
        hex_digits(llhttp->content_length) + (llhttp->content_length > 0 ? 4 : 2);
    parser->size_line = false;
    if (llhttp->content_length > 0)
        return 0;
    parser->last_chunk = true;
    return HPE_PAUSED; /* from here on it is trailers, counted by themselves */
}

int tn_http_on_chunk_complete(llhttp_t *llhttp)
{
    struct tn_http_parser *parser = llhttp->data;

    if (parser->last_chunk)
        return 0;
    parser->size_line = true;
    return parser->step->body_count == TN_HTTP_BODY_VIEWS ? HPE_PAUSED : 0;
}

static enum tn_http_error check_extra(const struct tn_http_parser *parser)
{
    const struct tn_http_limits *limits = parser->limits;

    if (parser->last_chunk)
        return parser->extra_bytes > limits->trailer_bytes ? TN_HTTP_E_TRAILERS_TOO_LARGE
                                                           : TN_HTTP_OK;
    if (parser->extra_bytes >
        (int64_t)limits->chunk_extra_bytes + (parser->size_line ? SIZE_LINE_SLACK : 0))
        return TN_HTTP_E_CHUNK_OVERHEAD;
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_step_chunked(struct tn_http_parser *parser, const char *data, size_t len)
{
    struct tn_http_step *step = parser->step;
    llhttp_errno_t why;

    do {
        bool trailers = parser->last_chunk;
        size_t body_before = step->body_len, here = step->used;
        enum tn_http_error error;

        if (llhttp_get_errno(&parser->llhttp) == HPE_PAUSED)
            llhttp_resume(&parser->llhttp);
        why = llhttp_execute(&parser->llhttp, data + here, len - here);
        if (why != HPE_OK && why != HPE_PAUSED)
            return TN_HTTP_E_BAD_CHUNK;
        step->used = why == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&parser->llhttp) - data);
        parser->extra_bytes +=
            (int64_t)(step->used - here) - (int64_t)(step->body_len - body_before);
        if (!trailers && parser->last_chunk) {
            parser->last_chunk = false;
            error = check_extra(parser);
            parser->last_chunk = true;
            parser->extra_bytes = 0;
        } else {
            error = check_extra(parser);
        }
        if (error)
            return error;
        if (trailers && why == HPE_PAUSED) {
            step->events |= TN_HTTP_STEP_END;
            break;
        }
    } while (why == HPE_PAUSED && step->body_count < TN_HTTP_BODY_VIEWS);
    if (step->body_count > 0)
        step->events |= TN_HTTP_STEP_BODY;
    return TN_HTTP_OK;
}
