#include "tests/support/http_strict.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 256

struct view {
    const char *ptr;
    size_t len;
};

struct line {
    struct view name;
    struct view value;
};

struct strict_head {
    struct line lines[FIELDS_MAX];
    unsigned count;
};

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (!is_token_char(v.ptr[i]))
            return false;
    }
    return v.len > 0;
}

static bool is_named(struct view v, const char *text)
{
    return v.len == strlen(text) && strncasecmp(v.ptr, text, v.len) == 0;
}

/* Up to CRLF; a CR or LF by itself is nowhere allowed. */
static bool next_line(const char **at, const char *end, struct view *ret_line)
{
    const char *p = *at;

    while (p < end && *p != '\r' && *p != '\n')
        p++;
    if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
        return false;
    *ret_line = (struct view){*at, (size_t)(p - *at)};
    *at = p + 2;
    return true;
}

/* The value still has the white space around it. */
static const char *read_field(struct view text, struct line *ret_line)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    struct view name, value;

    if (!colon)
        return "a field without a colon";
    name = (struct view){text.ptr, (size_t)(colon - text.ptr)};
    value = (struct view){colon + 1, text.len - name.len - 1};
    if (!is_token(name))
        return "a field name that is no token";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return "a control byte in a field value";
    }
    *ret_line = (struct line){name, value};
    return NULL;
}

/* As this proxy writes it: at most one space before the value, nothing behind it. */
static const char *read_normal_field(struct view text, struct line *ret_line)
{
    const char *wrong = read_field(text, ret_line);
    struct view *value = &ret_line->value;

    if (wrong)
        return wrong;
    if (value->len > 0 && value->ptr[0] == ' ') {
        value->ptr++;
        value->len--;
    }
    if (value->len > 0 && (value->ptr[0] == ' ' || value->ptr[0] == '\t' ||
                           value->ptr[value->len - 1] == ' ' || value->ptr[value->len - 1] == '\t'))
        return "white space around a field value";
    return NULL;
}

static const char *read_fields(const char *at, const char *end, struct strict_head *head)
{
    struct view text;

    head->count = 0;
    while (next_line(&at, end, &text)) {
        const char *wrong;

        if (text.len == 0)
            return at == end ? NULL : "bytes after the empty line";
        if (head->count == FIELDS_MAX)
            return "too many fields";
        wrong = read_normal_field(text, &head->lines[head->count++]);
        if (wrong)
            return wrong;
    }
    return "a line that does not end in CRLF, or no empty line";
}

static unsigned count_of(const struct strict_head *head, const char *name, struct view *ret_value)
{
    unsigned count = 0;

    for (unsigned i = 0; i < head->count; i++) {
        if (!is_named(head->lines[i].name, name))
            continue;
        if (count++ == 0 && ret_value)
            *ret_value = head->lines[i].value;
    }
    return count;
}

static const char *check_framing(const struct strict_head *head)
{
    struct view value;
    unsigned lengths, codings = count_of(head, "transfer-encoding", &value);

    if (codings > 1)
        return "two Transfer-Encoding fields";
    if (codings == 1 && !is_named(value, "chunked"))
        return "Transfer-Encoding that is not exactly chunked";
    lengths = count_of(head, "content-length", &value);
    if (codings + lengths > 1)
        return "two fields of framing";
    if (lengths == 0)
        return NULL;
    if (value.len == 0 || value.len > 16 || (value.ptr[0] == '0' && value.len > 1))
        return "Content-Length that is not canonical";
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return "Content-Length that is no number";
    }
    return NULL;
}

/* Fields of one hop, of which only those of an upgrade may be there, and then all of them. */
static const char *check_hop(const struct strict_head *head, const char *connection)
{
    static const char *const never[] = {"keep-alive", "proxy-connection", "te", "trailer",
                                        "http2-settings"};
    struct view value;
    unsigned count = count_of(head, "connection", &value);
    bool upgrade = count_of(head, "upgrade", NULL) > 0;

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (count_of(head, never[i], NULL) > 0)
            return "a field of one hop";
    }
    if (count > 1)
        return "two Connection fields";
    if (upgrade && !(count == 1 && is_named(value, "upgrade")))
        return "Upgrade without Connection: upgrade";
    if (count == 1 && !(upgrade && is_named(value, "upgrade")) &&
        !(connection && is_named(value, connection)))
        return "an unexpected Connection field";
    return NULL;
}

static bool is_host(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];

        if (c <= 0x20 || c >= 0x7f || strchr(",/@?#\\\"<>^`{|}", c))
            return false;
    }
    return true;
}

static const char *check_request_line(struct view line)
{
    static const char version[] = " HTTP/1.1";
    size_t tail = sizeof(version) - 1, method = 0;
    struct view target;

    if (line.len < tail + 3 || memcmp(line.ptr + line.len - tail, version, tail) != 0)
        return "a request line that does not end in one space and HTTP/1.1";
    while (method < line.len && is_token_char(line.ptr[method]))
        method++;
    if (method == 0 || line.ptr[method] != ' ')
        return "a method that is no token";
    target = (struct view){line.ptr + method + 1, line.len - tail - method - 1};
    if (target.len == 0)
        return "no target";
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"#<>", c))
            return "a byte in the target that must not be there";
    }
    if (target.ptr[0] == '/')
        return NULL;
    if (target.len == 1 && target.ptr[0] == '*' && method == 7 && !memcmp(line.ptr, "OPTIONS", 7))
        return NULL;
    return "a target in neither origin-form nor asterisk-form";
}

const char *strict_request_head(const char *bytes, size_t len)
{
    const char *at = bytes, *wrong;
    struct strict_head head;
    struct view line, host;

    if (!next_line(&at, bytes + len, &line))
        return "no request line";
    wrong = check_request_line(line);
    if (!wrong)
        wrong = read_fields(at, bytes + len, &head);
    if (!wrong && count_of(&head, "host", &host) != 1)
        wrong = "not exactly one Host";
    if (!wrong && !is_host(host))
        wrong = "a Host that is none";
    if (!wrong)
        wrong = check_framing(&head);
    if (!wrong)
        wrong = check_hop(&head, NULL);
    if (!wrong && count_of(&head, "via", NULL) == 0)
        wrong = "no Via";
    return wrong;
}

static const char *check_status_line(struct view line, unsigned *ret_status)
{
    const char *p = line.ptr;

    if (line.len < 13 || memcmp(p, "HTTP/1.1 ", 9) != 0 || p[12] != ' ')
        return "a status line without version, status and space";
    if (p[9] < '1' || p[9] > '5' || p[10] < '0' || p[10] > '9' || p[11] < '0' || p[11] > '9')
        return "a status that is none";
    for (size_t i = 13; i < line.len; i++) {
        if ((unsigned char)p[i] < 0x20 || (unsigned char)p[i] > 0x7e)
            return "a reason that is not ASCII";
    }
    *ret_status = (unsigned)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    return NULL;
}

const char *strict_response_head(const char *bytes, size_t len, bool chunked, bool close)
{
    const char *at = bytes, *wrong;
    struct strict_head head;
    struct view line, value;
    unsigned status = 0;
    bool says_close;

    if (!next_line(&at, bytes + len, &line))
        return "no status line";
    wrong = check_status_line(line, &status);
    if (!wrong)
        wrong = read_fields(at, bytes + len, &head);
    if (!wrong)
        wrong = check_framing(&head);
    if (!wrong)
        wrong = check_hop(&head, close ? "close" : "keep-alive");
    if (wrong)
        return wrong;
    if ((count_of(&head, "transfer-encoding", NULL) > 0) != chunked)
        return "chunked is not as said";
    if ((status < 200 || status == 204) && (chunked || count_of(&head, "content-length", NULL) > 0))
        return "framing where there is no body";
    says_close = count_of(&head, "connection", &value) > 0 && is_named(value, "close");
    if (status >= 200 && says_close != close)
        return "close is not as said";
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* 1*HEXDIG, then nothing or an extension. */
static const char *read_size(struct view line, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t i = 0;

    for (; i < line.len && hex_value(line.ptr[i]) >= 0; i++) {
        if (size >> 56)
            return "a chunk of a size that nobody means";
        size = size * 16 + (unsigned)hex_value(line.ptr[i]);
    }
    if (i == 0)
        return "a chunk without a size";
    if (i < line.len && line.ptr[i] != ';')
        return "a chunk size with something behind it";
    for (; i < line.len; i++) {
        if ((unsigned char)line.ptr[i] < 0x20 && line.ptr[i] != '\t')
            return "a control byte in a chunk extension";
    }
    *ret_size = size;
    return NULL;
}

/* Trailers are received, not written: field-line = field-name ":" OWS field-value OWS (RFC 9112,
 * 5), so white space around a value is allowed, as much as there is. */
static const char *skip_trailers(const char **at, const char *end)
{
    struct view line;
    struct line field;

    while (next_line(at, end, &line)) {
        const char *wrong;

        if (line.len == 0)
            return NULL;
        wrong = read_field(line, &field);
        if (wrong)
            return wrong;
    }
    return "no empty line after the trailers";
}

const char *strict_chunked(const char *bytes, size_t len, char *body, size_t *ret_body_len,
                           size_t *ret_used)
{
    const char *at = bytes, *end = bytes + len, *wrong;
    size_t body_len = 0;
    struct view line;
    uint64_t size;

    while (next_line(&at, end, &line)) {
        wrong = read_size(line, &size);
        if (wrong)
            return wrong;
        if (size == 0) {
            wrong = skip_trailers(&at, end);
            *ret_body_len = body_len;
            *ret_used = (size_t)(at - bytes);
            return wrong;
        }
        if (size > (uint64_t)(end - at) || (uint64_t)(end - at) - size < 2)
            return "less data than said";
        memcpy(body + body_len, at, (size_t)size);
        body_len += (size_t)size;
        at += size;
        if (at[0] != '\r' || at[1] != '\n')
            return "no line end after the data";
        at += 2;
    }
    return "no last chunk";
}
