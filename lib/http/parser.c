#include "lib/http/head_rules.h"

#include <assert.h>

enum state {
    STATE_DONE, /* nothing under way: waits for tn_http_parser_start */
    STATE_HEAD,
    STATE_NO_BODY, /* head given, END owed */
    STATE_LENGTH,
    STATE_CHUNKED,
    STATE_UNTIL_CLOSE,
};

/* Slices count in 16 bits. */
#define HEAD_BYTES_MAX 65535u
#define EMPTY_LINES_MAX 2

/* A size line that is not complete may hold this many bytes that will turn out to be needed. */
#define SIZE_LINE_SLACK 18

static enum tn_http_error fail(struct tn_http_parser *parser, enum tn_http_error error)
{
    parser->error = (uint8_t)error;
    memset(parser->step, 0, offsetof(struct tn_http_step, body));
    return error;
}

/* llhttp gives an element in pieces when the bytes came in pieces; pieces are neighbours. */
static void extend(struct tn_http_slice *slice, size_t offset, size_t len)
{
    if (slice->offset == 0)
        slice->offset = (uint16_t)offset;
    slice->len = (uint16_t)(offset + len - slice->offset);
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
    struct tn_http_parser *parser = llhttp->data;
    struct tn_http_head *head = parser->head;

    extend(&head->target, (size_t)(at - head->base), len);
    if (head->target.offset + head->target.len - (unsigned)parser->lead <=
        parser->limits->request_line_bytes)
        return 0;
    parser->error = TN_HTTP_E_REQUEST_LINE_TOO_LONG;
    return HPE_USER;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct tn_http_parser *parser = llhttp->data;
    struct tn_http_head *head = parser->head;
    struct tn_http_field *field;
    size_t offset;

    if (!head)
        return 0; /* a trailer: dropped, and counted with the framing */
    offset = (size_t)(at - head->base);
    if (head->field_count > 0) {
        field = &head->fields[head->field_count - 1];
        if (field->value.offset == 0 && field->name.offset + field->name.len == offset) {
            extend(&field->name, offset, len);
            return 0;
        }
    }
    if (head->field_count == TN_HTTP_FIELDS_MAX) {
        parser->error = TN_HTTP_E_TOO_MANY_FIELDS;
        return HPE_USER;
    }
    field = &head->fields[head->field_count++];
    field->name = (struct tn_http_slice){(uint16_t)offset, (uint16_t)len};
    field->value = (struct tn_http_slice){0, 0};
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct tn_http_parser *parser = llhttp->data;
    struct tn_http_head *head = parser->head;

    if (head)
        extend(&head->fields[head->field_count - 1].value, (size_t)(at - head->base), len);
    return 0;
}

static int pause_here(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
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

/* After a size line. What the shortest spelling of this chunk takes is not extra: the digits and
 * two line ends. */
static int on_chunk_header(llhttp_t *llhttp)
{
    struct tn_http_parser *parser = llhttp->data;

    parser->extra_bytes -= hex_digits(llhttp->content_length) + 4;
    parser->size_line = false;
    if (llhttp->content_length > 0)
        return 0;
    parser->last_chunk = true;
    return HPE_PAUSED; /* from here on it is trailers, counted by themselves */
}

static int on_chunk_complete(llhttp_t *llhttp)
{
    struct tn_http_parser *parser = llhttp->data;

    if (parser->last_chunk)
        return 0;
    parser->size_line = true;
    return parser->step->body_count == TN_HTTP_BODY_VIEWS ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = pause_here,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_message_complete = pause_here,
};

void tn_http_parser_init(struct tn_http_parser *parser, bool response,
                         const struct tn_http_limits *limits)
{
    memset(parser, 0, sizeof(*parser));
    parser->limits = limits;
    parser->response = response;
    parser->state = STATE_DONE;
}

void tn_http_parser_start(struct tn_http_parser *parser, struct tn_http_head *head,
                          bool head_request)
{
    /* a fresh llhttp for every message: nothing of the one before can reach this one */
    llhttp_init(&parser->llhttp, parser->response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    memset(head, 0, offsetof(struct tn_http_head, fields));
    parser->head = head;
    parser->head_request = head_request;
    parser->seen = 0;
    parser->lead = 0;
    parser->state = STATE_HEAD;
    parser->error = TN_HTTP_OK;
}

bool tn_http_parser_is_fresh(const struct tn_http_parser *parser)
{
    return parser->state == STATE_HEAD && parser->seen == parser->lead;
}

/* RFC 9112 2.2: a server ignores empty lines before a request line; we, two of them. */
static enum tn_http_error skip_empty_lines(struct tn_http_parser *parser, const char *data,
                                           size_t len)
{
    while (parser->lead < len && (data[parser->lead] == '\r' || data[parser->lead] == '\n')) {
        if (data[parser->lead] != '\r' || parser->lead == EMPTY_LINES_MAX * 2)
            return TN_HTTP_E_BAD_REQUEST_LINE;
        if (parser->lead + 1u == len)
            break;
        if (data[parser->lead + 1] != '\n')
            return TN_HTTP_E_BAD_REQUEST_LINE;
        parser->lead += 2;
    }
    parser->seen = parser->lead;
    return TN_HTTP_OK;
}

/* Errors of llhttp within a head, told apart by where it stopped, so that the answer does not
 * depend on how the bytes were cut. */
static enum tn_http_error request_error(const struct tn_http_parser *parser, llhttp_errno_t why)
{
    const struct tn_http_head *head = parser->head;
    const char *at = llhttp_get_error_pos(&parser->llhttp);
    const char *start = head->base + parser->lead;
    const char *protocol = head->base + head->target.offset + head->target.len;

    switch (why) {
    case HPE_INVALID_METHOD:
        for (const char *p = start; p <= at; p++) {
            if ((*p < 'A' || *p > 'Z') && (*p < 'a' || *p > 'z') && *p != '-' &&
                !(*p == ' ' && p > start))
                return TN_HTTP_E_BAD_REQUEST_LINE;
        }
        return TN_HTTP_E_METHOD_UNKNOWN;
    case HPE_INVALID_URL:
        return TN_HTTP_E_BAD_TARGET;
    case HPE_INVALID_VERSION:
        if (at - protocol >= 8 && memcmp(protocol, " HTTP/1.", 8) == 0 &&
            (protocol[8] == '0' || protocol[8] == '1'))
            return TN_HTTP_E_BAD_REQUEST_LINE;
        return TN_HTTP_E_BAD_VERSION;
    case HPE_PAUSED_H2_UPGRADE:
        return TN_HTTP_E_BAD_VERSION;
    default:
        return TN_HTTP_E_BAD_REQUEST_LINE;
    }
}

static enum tn_http_error head_error(const struct tn_http_parser *parser, llhttp_errno_t why)
{
    switch (why) {
    case HPE_USER:
        return (enum tn_http_error)parser->error;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return TN_HTTP_E_BAD_CONTENT_LENGTH;
    case HPE_INVALID_TRANSFER_ENCODING:
        return TN_HTTP_E_BAD_TRANSFER_ENCODING;
    default:
        if (parser->head->field_count > 0 || why == HPE_INVALID_HEADER_TOKEN)
            return TN_HTTP_E_BAD_FIELD;
        return parser->response ? TN_HTTP_E_BAD_STATUS_LINE : request_error(parser, why);
    }
}

/* The head is not complete: may it go on? */
static enum tn_http_error check_growth(const struct tn_http_parser *parser, uint32_t cap)
{
    const struct tn_http_head *head = parser->head;

    /* llhttp took a line without a version for HTTP/0.9, whose requests have no end to wait for */
    if (!parser->response && parser->llhttp.http_major == 0 && parser->llhttp.http_minor == 9)
        return TN_HTTP_E_BAD_VERSION;
    if (parser->seen >= cap)
        return TN_HTTP_E_HEAD_TOO_LARGE;
    if (head->field_count > 0 &&
        parser->seen - head->fields[0].name.offset > parser->limits->head_bytes)
        return TN_HTTP_E_HEAD_TOO_LARGE;
    return TN_HTTP_OK;
}

static void enter_body(struct tn_http_parser *parser, const struct tn_http_head *head)
{
    parser->head = NULL;
    parser->body_left = head->content_length > 0 ? (uint64_t)head->content_length : 0;
    parser->extra_bytes = 0;
    parser->size_line = true;
    parser->last_chunk = false;
    if (!tn_http_has_body(head))
        parser->state = STATE_NO_BODY;
    else if (head->chunked)
        parser->state = STATE_CHUNKED;
    else
        parser->state = head->until_close ? STATE_UNTIL_CLOSE : STATE_LENGTH;
}

static enum tn_http_error step_head(struct tn_http_parser *parser, const char *data, size_t len)
{
    struct tn_http_head *head = parser->head;
    const struct tn_http_limits *limits = parser->limits;
    enum tn_http_error error = TN_HTTP_OK;
    llhttp_errno_t why;
    uint64_t sum;
    uint32_t cap;

    if (!parser->response && parser->seen == parser->lead)
        error = skip_empty_lines(parser, data, len);
    if (error || len <= parser->seen)
        return error;
    sum = (uint64_t)parser->lead + limits->request_line_bytes + limits->head_bytes;
    cap = sum < HEAD_BYTES_MAX ? (uint32_t)sum : HEAD_BYTES_MAX;
    if (len > cap)
        len = cap;
    head->base = data;
    why = llhttp_execute(&parser->llhttp, data + parser->seen, len - parser->seen);
    if (why == HPE_OK) {
        parser->seen = (uint32_t)len;
        return check_growth(parser, cap);
    }
    if (why != HPE_PAUSED)
        return head_error(parser, why);
    head->len = (uint32_t)(llhttp_get_error_pos(&parser->llhttp) - data);
    if (parser->response)
        error = tn_http_check_response(head, limits, parser->head_request);
    else
        error = tn_http_check_request(head, limits);
    if (error)
        return error;
    parser->step->events = TN_HTTP_STEP_HEAD;
    parser->step->used = head->len;
    enter_body(parser, head);
    return TN_HTTP_OK;
}

static void finish_message(struct tn_http_parser *parser)
{
    parser->step->events |= TN_HTTP_STEP_END;
    parser->state = STATE_DONE;
}

/* A body of plain bytes, of which at most `max` are still to come. */
static void take_plain(struct tn_http_parser *parser, const char *data, size_t len, uint64_t max)
{
    struct tn_http_step *step = parser->step;

    if (len > max)
        len = (size_t)max;
    if (len == 0)
        return;
    step->body[0] = (struct tn_str){data, len};
    step->body_count = 1;
    step->body_len = len;
    step->used = len;
    step->events = TN_HTTP_STEP_BODY;
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

static enum tn_http_error step_chunked(struct tn_http_parser *parser, const char *data, size_t len)
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
            finish_message(parser);
            break;
        }
    } while (why == HPE_PAUSED && step->body_count < TN_HTTP_BODY_VIEWS);
    if (step->body_count > 0)
        step->events |= TN_HTTP_STEP_BODY;
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_parser_step(struct tn_http_parser *parser, const char *data, size_t len,
                                       struct tn_http_step *ret_step)
{
    enum tn_http_error error = (enum tn_http_error)parser->error;

    memset(ret_step, 0, offsetof(struct tn_http_step, body));
    parser->step = ret_step;
    if (error)
        return error;
    switch ((enum state)parser->state) {
    case STATE_DONE:
        return TN_HTTP_OK;
    case STATE_HEAD:
        error = step_head(parser, data, len);
        break;
    case STATE_NO_BODY:
        finish_message(parser);
        break;
    case STATE_LENGTH:
        take_plain(parser, data, len, parser->body_left);
        parser->body_left -= ret_step->used;
        if (parser->body_left == 0)
            finish_message(parser);
        break;
    case STATE_CHUNKED:
        if (len > 0)
            error = step_chunked(parser, data, len);
        break;
    case STATE_UNTIL_CLOSE:
        take_plain(parser, data, len, UINT64_MAX);
        break;
    }
    return error ? fail(parser, error) : TN_HTTP_OK;
}

enum tn_http_error tn_http_parser_finish(struct tn_http_parser *parser,
                                         struct tn_http_step *ret_step)
{
    memset(ret_step, 0, offsetof(struct tn_http_step, body));
    parser->step = ret_step;
    if (parser->error)
        return (enum tn_http_error)parser->error;
    switch ((enum state)parser->state) {
    case STATE_DONE:
        return TN_HTTP_OK;
    case STATE_NO_BODY:
    case STATE_UNTIL_CLOSE:
        finish_message(parser);
        return TN_HTTP_OK;
    case STATE_HEAD:
        if (tn_http_parser_is_fresh(parser))
            return TN_HTTP_OK;
        break;
    case STATE_LENGTH:
    case STATE_CHUNKED:
        break;
    }
    return fail(parser, TN_HTTP_E_TRUNCATED);
}
