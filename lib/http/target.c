#include "lib/http/target.h"

/* Bits of `allowed`. */
#define IN_PATH 1
#define IN_QUERY 2
#define IN_HOST 4

/*
 * Refused everywhere: what is not visible ASCII, and " # < >. A backslash passes in a query only:
 * browsers turn it into '/' in paths, and so do some services. Beyond RFC 3986, because browsers
 * send them as they are (WHATWG URL, query percent-encode set): [ ] ^ ` { | } and a lone '%'.
 * Hosts: letters, digits and - . _ only. RFC 3986 has more in names (sub-delims, '~', "%41"), but
 * no name that anybody resolves has, and other servers refuse them.
 */
static const unsigned char allowed[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 3, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 7, 7, 3, /*   ! " # $ % & ' ( ) * + , - . / */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3, 3, 0, 3, 0, 2, /* 0 ... 9 : ; < = > ? */
    3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* @ A ... O */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3, 2, 3, 3, 7, /* P ... Z [ \ ] ^ _ */
    3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* ` a ... o */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 3, 3, 3, 3, 0, /* p ... z { | } ~ */
    /* clang-format on */
};

static bool all_allowed(struct tn_str s, unsigned where)
{
    unsigned bits = where;

    for (size_t i = 0; i < s.len; i++)
        bits &= allowed[(unsigned char)s.ptr[i]];
    return bits == where;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Below 65536; no digits at all are allowed by the grammar. */
static bool is_port(struct tn_str digits)
{
    unsigned value = 0;

    if (digits.len > 5)
        return false;
    for (size_t i = 0; i < digits.len; i++)
        value = value * 10 + (unsigned)(digits.ptr[i] - '0');
    return value <= 65535;
}

/* "[" hex digits, colons, dots "]": zones and future address kinds are refused. */
static bool is_ip_literal(struct tn_str s)
{
    unsigned colons = 0;

    if (s.len < 4 || s.ptr[s.len - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (s.ptr[i] == ':')
            colons++;
        else if (!is_hex(s.ptr[i]) && s.ptr[i] != '.')
            return false;
    }
    return colons >= 2 && colons <= 8;
}

/* No label is empty, but there may be a dot at the end. */
static bool is_reg_name(struct tn_str s)
{
    unsigned bits = IN_HOST;
    char before = '.';

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.' && before == '.')
            return false;
        before = s.ptr[i];
        bits &= allowed[(unsigned char)before];
    }
    return s.len > 0 && bits != 0;
}

bool tn_http_is_authority(struct tn_str text)
{
    size_t at = text.len;

    if (text.len == 0 || text.len > TN_HTTP_AUTHORITY_MAX)
        return false;
    while (at > 0 && is_digit(text.ptr[at - 1]))
        at--;
    if (at > 0 && text.ptr[at - 1] == ':') {
        /* "[::1" has no port; its colon is refused with the bracket that is missing */
        if (!is_port((struct tn_str){text.ptr + at, text.len - at}))
            return false;
        text.len = at - 1;
    }
    return text.len > 0 && (text.ptr[0] == '[' ? is_ip_literal(text) : is_reg_name(text));
}

static struct tn_http_slice slice_of(size_t offset, size_t len)
{
    return (struct tn_http_slice){(uint16_t)offset, (uint16_t)len};
}

/* Bytes of "http://" or "https://" at the start, or 0. */
static size_t scheme_len(struct tn_str s)
{
    if (s.len > 7 && tn_str_equal_nocase((struct tn_str){s.ptr, 7}, TN_STR("http://")))
        return 7;
    if (s.len > 8 && tn_str_equal_nocase((struct tn_str){s.ptr, 8}, TN_STR("https://")))
        return 8;
    return 0;
}

/* An encoded NUL, which ends a path early where paths are strings of C. */
static bool has_encoded_nul(struct tn_str path)
{
    const char *end = path.ptr + path.len;
    const char *at = path.len > 0 ? memchr(path.ptr, '%', path.len) : NULL;

    while (at) {
        if (end - at > 2 && at[1] == '0' && at[2] == '0')
            return true;
        at = memchr(at + 1, '%', (size_t)(end - at - 1));
    }
    return false;
}

/* Takes scheme and authority off: target becomes what follows. */
static enum tn_http_error strip_authority(struct tn_http_head *head)
{
    struct tn_str text = tn_http_view(head, head->target);
    size_t start = scheme_len(text), end = start;

    if (start == 0)
        return TN_HTTP_E_BAD_TARGET;
    while (end < text.len && text.ptr[end] != '/' && text.ptr[end] != '?' && text.ptr[end] != '#')
        end++;
    /*
     * Stricter than Host, in which names with '_' are met: no browser sends this form to a gateway,
     * and nginx, HAProxy and Apache all refuse the '_' in it.
     */
    if (!tn_http_is_authority((struct tn_str){text.ptr + start, end - start}) ||
        memchr(text.ptr + start, '_', end - start))
        return TN_HTTP_E_BAD_HOST;
    head->authority = slice_of(head->target.offset + start, end - start);
    if (end == text.len && head->method != TN_HTTP_OPTIONS) {
        /* an empty path is "/": any slash will do, and there is one before the authority */
        head->target = slice_of(head->target.offset + start - 1, 1);
        return TN_HTTP_OK;
    }
    head->target = slice_of(head->target.offset + end, text.len - end);
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_split_target(struct tn_http_head *head)
{
    struct tn_str target = tn_http_view(head, head->target);
    struct tn_http_slice slash = slice_of(head->target.offset, 1);
    const char *mark;
    size_t path_len;

    if (target.len == 1 && target.ptr[0] == '*') {
        head->path = head->target;
        return head->method == TN_HTTP_OPTIONS ? TN_HTTP_OK : TN_HTTP_E_BAD_TARGET;
    }
    if (target.ptr[0] != '/') {
        enum tn_http_error error = strip_authority(head);

        if (error)
            return error;
        slash = slice_of(head->authority.offset - 1u, 1);
        target = tn_http_view(head, head->target);
    }
    mark = target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;
    path_len = mark ? (size_t)(mark - target.ptr) : target.len;
    head->path = path_len > 0 ? slice_of(head->target.offset, path_len) : slash;
    if (mark)
        head->query = slice_of(head->target.offset + path_len + 1, target.len - path_len - 1);
    if (!all_allowed((struct tn_str){target.ptr, path_len}, IN_PATH) ||
        has_encoded_nul((struct tn_str){target.ptr, path_len}) ||
        !all_allowed(tn_http_view(head, head->query), IN_QUERY))
        return TN_HTTP_E_BAD_TARGET;
    return TN_HTTP_OK;
}
