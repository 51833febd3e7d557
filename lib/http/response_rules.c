#include "lib/http/head_rules.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK": the reason may be missing, and the space before it too. */
static enum tn_http_error read_status_line(struct tn_http_head *head)
{
    const char *base = head->base;
    const char *end = head->len >= 15 ? memchr(base, '\r', head->len) : NULL;
    size_t len = end ? (size_t)(end - base) : 0;

    if (len < 12 || memcmp(base, "HTTP/1.", 7) != 0 || (base[7] != '0' && base[7] != '1') ||
        base[8] != ' ' || !is_digit(base[9]) || !is_digit(base[10]) || !is_digit(base[11]) ||
        (len > 12 && base[12] != ' '))
        return TN_HTTP_E_BAD_STATUS_LINE;
    head->version_minor = (uint8_t)(base[7] - '0');
    head->status = (uint16_t)((base[9] - '0') * 100 + (base[10] - '0') * 10 + (base[11] - '0'));
    if (head->status < 100 || head->status > 599)
        return TN_HTTP_E_BAD_STATUS_LINE;
    if (len > 13)
        head->reason = (struct tn_http_slice){13, (uint16_t)(len - 13)};
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_check_response(struct tn_http_head *head,
                                          const struct tn_http_limits *limits, bool head_request)
{
    struct tn_http_findings found = {0};
    enum tn_http_error error;

    error = read_status_line(head);
    if (!error)
        error = tn_http_read_fields(head, limits, &found);
    if (error)
        return error;
    if (head->status < 200) {
        /* a peer that thinks an interim response has a body has lost its place (RFC 9112 6.3) */
        if (head->chunked)
            return TN_HTTP_E_BAD_TRANSFER_ENCODING;
        if (head->content_length >= 0)
            return TN_HTTP_E_BAD_CONTENT_LENGTH;
    }
    head->bodyless =
        head_request || head->status < 200 || head->status == 204 || head->status == 304;
    /* 204 has no framing; who sends it may send the body as well, so this was the last one */
    if (head->status == 204 && (head->chunked || head->content_length > 0))
        head->keep_alive = false;
    head->until_close = !head->bodyless && !head->chunked && head->content_length < 0;
    if (head->until_close)
        head->keep_alive = false;
    return TN_HTTP_OK;
}
