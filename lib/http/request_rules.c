#include "lib/http/head_rules.h"
#include "lib/http/target.h"

/* "GET /x HTTP/1.1": exactly one space each, our protocol, our versions. */
static enum tn_http_error read_request_line(struct tn_http_head *head,
                                            const struct tn_http_limits *limits)
{
    size_t start = 0, target = head->target.offset, end = target + head->target.len;
    const char *base = head->base;

    while (base[start] == '\r')
        start += 2; /* the parser has seen that these are empty lines, two at most */
    if (target < start + 2 || base[target - 1] != ' ' || base[target - 2] == ' ' ||
        head->target.len == 0 || end + 11 > head->len || base[end] != ' ')
        return base[end] == ' ' ? TN_HTTP_E_BAD_REQUEST_LINE : TN_HTTP_E_BAD_VERSION;
    if (base[end + 1] == ' ')
        return TN_HTTP_E_BAD_REQUEST_LINE;
    if (memcmp(base + end, " HTTP/1.", 8) != 0 || (base[end + 8] != '0' && base[end + 8] != '1'))
        return TN_HTTP_E_BAD_VERSION;
    if (base[end + 9] != '\r' || base[end + 10] != '\n')
        return TN_HTTP_E_BAD_REQUEST_LINE;
    if (end + 9 - start > limits->request_line_bytes)
        return TN_HTTP_E_REQUEST_LINE_TOO_LONG;
    head->version_minor = (uint8_t)(base[end + 8] - '0');
    head->method_text.offset = (uint16_t)start;
    head->method_text.len = (uint16_t)(target - 1 - start);
    return TN_HTTP_OK;
}

#define METHOD(text, literal, id)                                                                  \
    (memcmp((text).ptr, literal, sizeof(literal) - 1) == 0 ? (id) : TN_HTTP_METHOD_OTHER)

static enum tn_http_method method_of(struct tn_str text)
{
    switch (text.len) {
    case 3:
        return text.ptr[0] == 'G' ? METHOD(text, "GET", TN_HTTP_GET)
                                  : METHOD(text, "PUT", TN_HTTP_PUT);
    case 4:
        return text.ptr[0] == 'P' ? METHOD(text, "POST", TN_HTTP_POST)
                                  : METHOD(text, "HEAD", TN_HTTP_HEAD);
    case 5:
        return METHOD(text, "PATCH", TN_HTTP_PATCH);
    case 6:
        return METHOD(text, "DELETE", TN_HTTP_DELETE);
    case 7:
        return METHOD(text, "OPTIONS", TN_HTTP_OPTIONS);
    default:
        return TN_HTTP_METHOD_OTHER;
    }
}

static enum tn_http_error read_method(struct tn_http_head *head)
{
    struct tn_str text = tn_http_view(head, head->method_text);

    head->method = (uint8_t)method_of(text);
    if (head->method != TN_HTTP_METHOD_OTHER)
        return TN_HTTP_OK;
    if (tn_str_equal(text, TN_STR("CONNECT")) || tn_str_equal(text, TN_STR("TRACE")))
        return TN_HTTP_E_METHOD_REFUSED;
    /* known to llhttp, not methods of HTTP: Icecast's upload and the preface of HTTP/2 */
    if (tn_str_equal(text, TN_STR("SOURCE")) || tn_str_equal(text, TN_STR("PRI")))
        return TN_HTTP_E_METHOD_UNKNOWN;
    return TN_HTTP_OK;
}

static enum tn_http_error read_host(struct tn_http_head *head, const struct tn_http_findings *found)
{
    if (found->hosts > 1 || (found->hosts == 0 && head->version_minor > 0))
        return TN_HTTP_E_BAD_HOST;
    if (found->hosts == 1 && !tn_http_is_authority(found->host))
        return TN_HTTP_E_BAD_HOST;
    head->authority = found->host_slice;
    return TN_HTTP_OK;
}

/*
 * Names that a service behind CGI's rules cannot tell from ours ("X_Forwarded_For" becomes the same
 * variable as "X-Forwarded-For"). Those of framing are refused, those of one hop and of forwarding
 * do not pass; all others do.
 */
static enum tn_http_error check_alias(struct tn_http_head *head, struct tn_http_field *field)
{
    struct tn_str name = tn_http_view(head, field->name);
    char text[24];

    if (name.len < 10 || name.len > 17 || !memchr(name.ptr, '_', name.len))
        return TN_HTTP_OK;
    for (size_t i = 0; i < name.len; i++)
        text[i] = (char)(name.ptr[i] == '_' ? '-' : name.ptr[i]);
    switch (tn_http_field_id_of((struct tn_str){text, name.len})) {
    case TN_HTTP_FIELD_CONTENT_LENGTH:
    case TN_HTTP_FIELD_TRANSFER_ENCODING:
        return TN_HTTP_E_BAD_FIELD;
    case TN_HTTP_FIELD_KEEP_ALIVE:
    case TN_HTTP_FIELD_PROXY_CONNECTION:
    case TN_HTTP_FIELD_HTTP2_SETTINGS:
    case TN_HTTP_FIELD_X_FORWARDED_FOR:
    case TN_HTTP_FIELD_X_FORWARDED_HOST:
    case TN_HTTP_FIELD_X_FORWARDED_PROTO:
        field->hop_by_hop = true;
        return TN_HTTP_OK;
    default:
        return TN_HTTP_OK;
    }
}

static enum tn_http_error check_aliases(struct tn_http_head *head)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        enum tn_http_error error;

        if (head->fields[i].id != TN_HTTP_FIELD_OTHER)
            continue;
        error = check_alias(head, &head->fields[i]);
        if (error)
            return error;
    }
    return TN_HTTP_OK;
}

/* An expectation that nobody may act on does not pass either: HTTP/1.0 has none (RFC 9110 10.1.1),
 * and without a body there is nothing to wait for. */
static enum tn_http_error read_expect(struct tn_http_head *head,
                                      const struct tn_http_findings *found)
{
    if (found->expects == 0)
        return TN_HTTP_OK;
    if (head->version_minor > 0) {
        if (found->expects > 1 || !tn_str_equal_nocase(found->expect, TN_STR("100-continue")))
            return TN_HTTP_E_BAD_EXPECT;
        head->expect_continue = tn_http_has_body(head);
    }
    for (unsigned i = 0; i < head->field_count; i++) {
        if (head->fields[i].id == TN_HTTP_FIELD_EXPECT)
            head->fields[i].hop_by_hop = head->fields[i].hop_by_hop || !head->expect_continue;
    }
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_check_request(struct tn_http_head *head,
                                         const struct tn_http_limits *limits)
{
    struct tn_http_findings found = {0};
    enum tn_http_error error;

    error = read_request_line(head, limits);
    if (!error)
        error = read_method(head);
    if (!error)
        error = tn_http_read_fields(head, limits, &found);
    if (!error)
        error = read_host(head, &found);
    if (!error)
        error = tn_http_split_target(head);
    if (!error)
        error = check_aliases(head);
    if (!error)
        error = read_expect(head, &found);
    return error;
}
