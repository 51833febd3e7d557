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

/* After a size line. What the shortest spelling of it takes is not extra: digits, a line end. */
int tn_http_on_chunk_header(llhttp_t *llhttp)
{
    struct tn_http_parser *parser = llhttp->data;

    if (llhttp->content_length > TN_HTTP_CONTENT_LENGTH_MAX) {
        parser->error = TN_HTTP_E_BAD_CHUNK;
        return -1;
    }
    parser->extra_bytes -= hex_digits(llhttp->content_length) + 2;
    parser->size_line = false;
    parser->last_chunk = llhttp->content_length == 0;
    return HPE_PAUSED; /* only a pause tells where the line ended */
}

int tn_http_on_chunk_complete(llhttp_t *llhttp)
{
    struct tn_http_parser *parser = llhttp->data;

    if (parser->last_chunk)
        return 0;
    parser->extra_bytes -= 2; /* the line end after the data */
    parser->size_line = true;
    return parser->step->body_count == TN_HTTP_BODY_VIEWS ? HPE_PAUSED : 0;
}

/*
 * Looks where the outcome cannot depend on how the bytes were cut: at the end of a size line, and
 * within one or within trailers as long as what is counted can only grow. Not within data, where
 * half a line end may be counted.
 */
static enum tn_http_error check_extra(const struct tn_http_parser *parser, bool trailers,
                                      bool paused)
{
    const struct tn_http_limits *limits = parser->limits;
    int64_t allowed = limits->chunk_extra_bytes;

    if (trailers)
        return parser->extra_bytes > limits->trailer_bytes ? TN_HTTP_E_TRAILERS_TOO_LARGE
                                                           : TN_HTTP_OK;
    if (parser->size_line)
        allowed += SIZE_LINE_SLACK;
    else if (!paused)
        return TN_HTTP_OK;
    return parser->extra_bytes > allowed ? TN_HTTP_E_CHUNK_OVERHEAD : TN_HTTP_OK;
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
        step->used = why == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&parser->llhttp) - data);
        parser->extra_bytes +=
            (int64_t)(step->used - here) - (int64_t)(step->body_len - body_before);
        /* first of all: of what is malformed behind too many bytes, pieces would show the many */
        error = check_extra(parser, trailers, why == HPE_PAUSED);
        if (error)
            return error;
        if (why != HPE_OK && why != HPE_PAUSED)
            return TN_HTTP_E_BAD_CHUNK;
        if (!trailers && parser->last_chunk)
            parser->extra_bytes = 0; /* trailers are counted by themselves */
        if (trailers && why == HPE_PAUSED) {
            step->events |= TN_HTTP_STEP_END;
            break;
        }
    } while (why == HPE_PAUSED && step->body_count < TN_HTTP_BODY_VIEWS);
    if (step->body_count > 0)
        step->events |= TN_HTTP_STEP_BODY;
    return TN_HTTP_OK;
}
