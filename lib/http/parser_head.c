#include "lib/http/head_rules.h"
#include "lib/http/parser_parts.h"

/* Slices count in 16 bits. */
#define HEAD_BYTES_MAX 65535u
#define EMPTY_LINES_MAX 2

/* llhttp gives an element in pieces when the bytes came in pieces; pieces are neighbours. */
static void extend(struct tn_http_slice *slice, size_t offset, size_t len)
{
    if (slice->offset == 0)
        slice->offset = (uint16_t)offset;
    slice->len = (uint16_t)(offset + len - slice->offset);
}

/* More bytes than this are no head. */
static uint32_t head_cap(const struct tn_http_parser *parser)
{
    uint64_t sum =
        (uint64_t)parser->lead + parser->limits->request_line_bytes + parser->limits->head_bytes;

    return sum < HEAD_BYTES_MAX ? (uint32_t)sum : HEAD_BYTES_MAX;
}

/* Of a head that is not complete, after `looked` bytes: may it go on? */
static enum tn_http_error check_growth(const struct tn_http_parser *parser, size_t looked)
{
    const struct tn_http_head *head = parser->head;
    size_t line_end = (size_t)head->target.offset + head->target.len;

    if (line_end < looked && head->base[line_end] == '\r')
        line_end++;
    /* a line without a version is a request of HTTP/0.9, which has no end to wait for */
    if (head->target.len > 0 && line_end < looked && head->base[line_end] == '\n')
        return TN_HTTP_E_BAD_VERSION;
    if (looked >= head_cap(parser))
        return TN_HTTP_E_HEAD_TOO_LARGE;
    if (head->field_count > 0 && looked - head->fields[0].name.offset > parser->limits->head_bytes)
        return TN_HTTP_E_HEAD_TOO_LARGE;
    return TN_HTTP_OK;
}

int tn_http_on_url(llhttp_t *llhttp, const char *at, size_t len)
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

/* One too many, if a slower sender would not have been told of another mistake before this name. */
static int refuse_field(struct tn_http_parser *parser, size_t offset)
{
    enum tn_http_error error = check_growth(parser, offset);

    parser->error = (uint8_t)(error ? error : TN_HTTP_E_TOO_MANY_FIELDS);
    return HPE_USER;
}

int tn_http_on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct tn_http_parser *parser = llhttp->data;
    struct tn_http_head *head = parser->head;
    struct tn_http_field *field;
    size_t offset;

    if (!head)
        return 0; /* a trailer: dropped, and counted with the framing */
    offset = (size_t)(at - head->base);
    field = &head->fields[head->field_count];
    if (at[-1] != '\n') { /* not where a line begins: the rest of the last name */
        extend(&field[-1].name, offset, len);
        return 0;
    }
    if (head->field_count == TN_HTTP_FIELDS_MAX)
        return refuse_field(parser, offset);
    head->field_count++;
    field->name = (struct tn_http_slice){(uint16_t)offset, (uint16_t)len};
    field->value = (struct tn_http_slice){0, 0};
    return 0;
}

int tn_http_on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct tn_http_parser *parser = llhttp->data;
    struct tn_http_head *head = parser->head;

    if (head)
        extend(&head->fields[head->field_count - 1].value, (size_t)(at - head->base), len);
    return 0;
}

/* RFC 9112 2.2: a server ignores empty lines before a request line; we, two of them. */
static enum tn_http_error skip_empty_lines(struct tn_http_parser *parser, const char *data,
                                           size_t len)
{
    while (parser->lead < len && (data[parser->lead] == '\r' || data[parser->lead] == '\n')) {
        if (data[parser->lead] != '\r' || parser->lead == EMPTY_LINES_MAX * 2)
            return TN_HTTP_E_BAD_REQUEST_LINE;
        if (parser->lead + 1u == len)
            break; /* half a line end: too early to say */
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
    case HPE_INVALID_CONSTANT:
        /* those of RTSP */
        if (parser->llhttp.method >= HTTP_DESCRIBE && parser->llhttp.method <= HTTP_FLUSH &&
            at - protocol >= 5 && memcmp(protocol, " HTTP", 5) == 0)
            return TN_HTTP_E_METHOD_UNKNOWN;
        return TN_HTTP_E_BAD_REQUEST_LINE;
    case HPE_INVALID_URL:
        return (size_t)(at - start) > parser->limits->request_line_bytes
                   ? TN_HTTP_E_REQUEST_LINE_TOO_LONG
                   : TN_HTTP_E_BAD_TARGET;
    case HPE_INVALID_VERSION:
        if (at - protocol >= 8 && memcmp(protocol, " HTTP/1.", 8) == 0 &&
            (protocol[8] == '0' || protocol[8] == '1'))
            return TN_HTTP_E_BAD_REQUEST_LINE;
        return TN_HTTP_E_BAD_VERSION;
    default:
        return TN_HTTP_E_BAD_REQUEST_LINE;
    }
}

static bool is_past_first_line(const struct tn_http_parser *parser)
{
    const char *start = parser->head->base + parser->lead;
    const char *at = llhttp_get_error_pos(&parser->llhttp);
    const char *end = at > start ? memchr(start, '\n', (size_t)(at - start)) : NULL;

    return parser->head->field_count > 0 || (end && end > start && end[-1] == '\r');
}

static enum tn_http_error head_error(const struct tn_http_parser *parser, llhttp_errno_t why)
{
    size_t looked = (size_t)(llhttp_get_error_pos(&parser->llhttp) - parser->head->base);
    enum tn_http_error error;

    /* what a slower sender would have been told before; llhttp may count a byte as looked at that
     * does not belong in a target */
    error = check_growth(parser, looked - (why == HPE_INVALID_URL ? 1 : 0));
    if (error && why != HPE_USER)
        return error;
    switch (why) {
    case HPE_USER:
        return (enum tn_http_error)parser->error;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return TN_HTTP_E_BAD_CONTENT_LENGTH;
    case HPE_INVALID_TRANSFER_ENCODING:
        return TN_HTTP_E_BAD_TRANSFER_ENCODING;
    case HPE_PAUSED_H2_UPGRADE:
        return TN_HTTP_E_BAD_VERSION;
    default:
        if (why == HPE_INVALID_HEADER_TOKEN || is_past_first_line(parser))
            return TN_HTTP_E_BAD_FIELD;
        return parser->response ? TN_HTTP_E_BAD_STATUS_LINE : request_error(parser, why);
    }
}

/* llhttp has read the framing as well, byte by byte. Where the two readings differ, one of the next
 * servers may follow either, so nobody gets to see the message. (A tab after "chunked" does it.) */
static enum tn_http_error check_agreement(const struct tn_http_parser *parser)
{
    const struct tn_http_head *head = parser->head;
    const llhttp_t *llhttp = &parser->llhttp;
    bool has_length = (llhttp->flags & F_CONTENT_LENGTH) != 0;

    if (head->chunked != ((llhttp->flags & F_CHUNKED) != 0))
        return TN_HTTP_E_BAD_TRANSFER_ENCODING;
    if ((head->content_length >= 0) != has_length ||
        (has_length && (uint64_t)head->content_length != llhttp->content_length))
        return TN_HTTP_E_BAD_CONTENT_LENGTH;
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_step_head(struct tn_http_parser *parser, const char *data, size_t len)
{
    struct tn_http_head *head = parser->head;
    const struct tn_http_limits *limits = parser->limits;
    enum tn_http_error error = TN_HTTP_OK;
    llhttp_errno_t why;

    if (len <= parser->seen)
        return TN_HTTP_OK;
    if (parser->seen == parser->lead) {
        if (parser->response)
            error = data[0] == 'H' ? TN_HTTP_OK : TN_HTTP_E_BAD_STATUS_LINE;
        else
            error = skip_empty_lines(parser, data, len);
        if (error || len == parser->lead || data[parser->lead] == '\r')
            return error; /* the lone CR may become an empty line */
    }
    if (len > head_cap(parser))
        len = head_cap(parser);
    head->base = data;
    why = llhttp_execute(&parser->llhttp, data + parser->seen, len - parser->seen);
    if (why == HPE_OK) {
        parser->seen = (uint32_t)len;
        return check_growth(parser, len);
    }
    if (why != HPE_PAUSED)
        return head_error(parser, why);
    head->len = (uint32_t)(llhttp_get_error_pos(&parser->llhttp) - data);
    if (parser->response)
        error = tn_http_check_response(head, limits, parser->head_request);
    else
        error = tn_http_check_request(head, limits);
    if (!error)
        error = check_agreement(parser);
    if (error)
        return error;
    parser->step->events = TN_HTTP_STEP_HEAD;
    parser->step->used = head->len;
    return TN_HTTP_OK;
}
