#include "lib/http/parser_parts.h"

enum state {
    STATE_DONE, /* nothing under way: waits for tn_http_parser_start */
    STATE_HEAD,
    STATE_NO_BODY, /* head given, END owed */
    STATE_LENGTH,
    STATE_CHUNKED,
    STATE_UNTIL_CLOSE,
};

static int pause_here(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = tn_http_on_url,
    .on_header_field = tn_http_on_header_field,
    .on_header_value = tn_http_on_header_value,
    .on_headers_complete = pause_here,
    .on_body = tn_http_on_body,
    .on_chunk_header = tn_http_on_chunk_header,
    .on_chunk_complete = tn_http_on_chunk_complete,
    .on_message_complete = pause_here,
};

static enum tn_http_error fail(struct tn_http_parser *parser, enum tn_http_error error)
{
    parser->error = (uint8_t)error;
    memset(parser->step, 0, offsetof(struct tn_http_step, body));
    return error;
}

void tn_http_parser_init(struct tn_http_parser *parser, bool response,
                         const struct tn_http_limits *limits)
{
    /* llhttp's own part is tn_http_parser_start's to set */
    memset((char *)parser + sizeof(parser->llhttp), 0, sizeof(*parser) - sizeof(parser->llhttp));
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

static void enter_body(struct tn_http_parser *parser)
{
    const struct tn_http_head *head = parser->head;

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
        error = tn_http_step_head(parser, data, len);
        if (ret_step->events & TN_HTTP_STEP_HEAD)
            enter_body(parser);
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
            error = tn_http_step_chunked(parser, data, len);
        if (ret_step->events & TN_HTTP_STEP_END)
            parser->state = STATE_DONE;
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
