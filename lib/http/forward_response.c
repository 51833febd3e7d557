#include "lib/http/forward.h"
#include "lib/http/output.h"
#include "lib/http/writer.h"

/* What is being written. */
struct rewrite {
    const struct tn_http_head *head;
    const struct tn_http_forward_response *how;
    struct tn_http_output out;
    struct tn_http_run run;
    bool has_length;
    bool has_date;
};

/* A reason that a strict client would refuse, or that was not given in ASCII, becomes ours. */
static struct tn_str reason_of(const struct tn_http_head *head)
{
    struct tn_str reason = tn_http_view(head, head->reason);

    for (size_t i = 0; i < reason.len; i++) {
        if (reason.ptr[i] < 0x20 || reason.ptr[i] > 0x7e)
            return tn_str_of(tn_http_reason(head->status));
    }
    return reason;
}

static void put_status_line(struct rewrite *w)
{
    TN_HTTP_PUT(&w->out, "HTTP/1.1 ");
    tn_http_put(&w->out, w->head->base + sizeof("HTTP/1.1 ") - 1, sizeof("200") - 1);
    TN_HTTP_PUT(&w->out, " ");
    tn_http_put_str(&w->out, reason_of(w->head));
    TN_HTTP_PUT(&w->out, "\r\n");
}

/* No length where RFC 9110 8.6 forbids one: 1xx (refused by the parser) and 204. */
static bool may_have_length(const struct tn_http_head *head)
{
    return head->status >= 200 && head->status != 204;
}

/* Cuts the first directive off a Cache-Control value, commas in quotes left alone. */
static bool next_directive(struct tn_str *rest, struct tn_str *directive)
{
    bool quoted = false;
    size_t i = 0;

    if (rest->len == 0)
        return false;
    for (; i < rest->len && (quoted || rest->ptr[i] != ','); i++) {
        if (rest->ptr[i] == '"')
            quoted = !quoted;
        else if (rest->ptr[i] == '\\' && quoted && i + 1 < rest->len)
            i++;
    }
    *directive = tn_str_trim((struct tn_str){rest->ptr, i});
    if (i < rest->len)
        i++;
    rest->ptr += i;
    rest->len -= i;
    return true;
}

static bool has_name(struct tn_str directive, struct tn_str name)
{
    return directive.len > name.len && directive.ptr[name.len] == '=' &&
           tn_str_equal_nocase((struct tn_str){directive.ptr, name.len}, name);
}

/* Does the response already say that no shared cache may keep it? `private="field"` does not. */
static bool is_private(const struct tn_http_head *head)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_str rest, directive;

        if (head->fields[i].id != TN_HTTP_FIELD_CACHE_CONTROL || head->fields[i].hop_by_hop)
            continue;
        rest = tn_http_view(head, head->fields[i].value);
        while (next_directive(&rest, &directive)) {
            if (tn_str_equal_nocase(directive, TN_STR("no-store")) ||
                tn_str_equal_nocase(directive, TN_STR("private")))
                return true;
        }
    }
    return false;
}

/* "private" and what was said besides, without what speaks to shared caches. */
static void put_private(struct rewrite *w)
{
    TN_HTTP_PUT(&w->out, "Cache-Control: private");
    for (unsigned i = 0; i < w->head->field_count; i++) {
        struct tn_str rest, directive;

        if (w->head->fields[i].id != TN_HTTP_FIELD_CACHE_CONTROL || w->head->fields[i].hop_by_hop)
            continue;
        rest = tn_http_view(w->head, w->head->fields[i].value);
        while (next_directive(&rest, &directive)) {
            if (directive.len == 0 || tn_str_equal_nocase(directive, TN_STR("public")) ||
                has_name(directive, TN_STR("s-maxage")) || has_name(directive, TN_STR("private")))
                continue;
            TN_HTTP_PUT(&w->out, ", ");
            tn_http_put_str(&w->out, directive);
        }
    }
    TN_HTTP_PUT(&w->out, "\r\n");
}

static void put_kept_fields(struct rewrite *w, bool rewrite_cache_control)
{
    for (unsigned i = 0; i < w->head->field_count; i++) {
        const struct tn_http_field *field = &w->head->fields[i];

        if (field->hop_by_hop)
            continue;
        if (field->id == TN_HTTP_FIELD_CONTENT_LENGTH) {
            if (!may_have_length(w->head) || !tn_http_is_canonical_length(w->head, field))
                continue;
            w->has_length = true;
        } else if (field->id == TN_HTTP_FIELD_CACHE_CONTROL && rewrite_cache_control) {
            continue;
        } else if (field->id == TN_HTTP_FIELD_DATE) {
            w->has_date = true;
        }
        tn_http_run_add(&w->run, &w->out, w->head, i);
    }
    tn_http_run_flush(&w->run, &w->out, w->head);
}

static void put_own_fields(struct rewrite *w)
{
    const struct tn_http_forward_response *how = w->how;

    if (how->set_cookie.len > 0)
        tn_http_put_line(&w->out, TN_STR("Set-Cookie: "), how->set_cookie);
    if (!w->has_date && w->head->status >= 200 && how->date.len > 0)
        tn_http_put_line(&w->out, TN_STR("Date: "), how->date);
    if (how->via_name.len > 0)
        tn_http_put_via(&w->out, w->head->version_minor, how->via_name);
}

/* Returns whether the connection has to end after this response. */
static bool put_framing(struct rewrite *w, bool *ret_chunked)
{
    const struct tn_http_head *head = w->head;
    bool streamed = !head->bodyless && (head->chunked || head->until_close);
    bool chunked = streamed && w->how->client_minor > 0;
    bool close = !w->how->keep_alive || (streamed && !chunked);

    *ret_chunked = chunked;
    if (head->status < 200)
        return false; /* the final response speaks about the connection */
    if (chunked)
        TN_HTTP_PUT(&w->out, "Transfer-Encoding: chunked\r\n");
    else if (head->content_length >= 0 && !w->has_length && may_have_length(head))
        tn_http_put_number_line(&w->out, TN_STR("Content-Length: "),
                                (uint64_t)head->content_length);
    if (close)
        TN_HTTP_PUT(&w->out, "Connection: close\r\n");
    else if (w->how->client_minor == 0)
        TN_HTTP_PUT(&w->out, "Connection: keep-alive\r\n");
    return close;
}

int tn_http_write_response(const struct tn_http_head *head,
                           const struct tn_http_forward_response *how, char *buffer, size_t size,
                           bool *ret_chunked, bool *ret_close)
{
    struct rewrite w = {.head = head, .how = how, .out = tn_http_output_of(buffer, size)};
    bool rewrite = how->make_private && !is_private(head), chunked, close;
    int len;

    put_status_line(&w);
    put_kept_fields(&w, rewrite);
    put_own_fields(&w);
    if (rewrite)
        put_private(&w);
    close = put_framing(&w, &chunked);
    if (how->upgrade && head->upgrade && head->status == 101)
        tn_http_put_upgrade(&w.out, head);
    TN_HTTP_PUT(&w.out, "\r\n");
    len = tn_http_output_end(&w.out);
    if (len > 0) {
        *ret_chunked = chunked;
        *ret_close = close;
    }
    return len;
}
