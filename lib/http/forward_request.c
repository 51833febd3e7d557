#include "lib/http/forward.h"
#include "lib/http/output.h"

#define REQUEST_ID_MAX 128

struct tn_str tn_http_request_id(const struct tn_http_head *head, struct tn_str made)
{
    struct tn_str found = {NULL, 0};
    unsigned count = 0;

    for (unsigned i = 0; i < head->field_count; i++) {
        const struct tn_http_field *field = &head->fields[i];

        if (field->id == TN_HTTP_FIELD_X_REQUEST_ID && !field->hop_by_hop && count++ == 0)
            found = tn_http_view(head, field->value);
    }
    if (count != 1 || found.len == 0 || found.len > REQUEST_ID_MAX)
        return made;
    for (size_t i = 0; i < found.len; i++) {
        if (found.ptr[i] < 0x21 || found.ptr[i] > 0x7e)
            return made;
    }
    return found;
}

/* What is being written. */
struct rewrite {
    const struct tn_http_head *head;
    const struct tn_http_forward_request *how;
    struct tn_http_output out;
    struct tn_http_run run;
    bool keep_id;
    bool loop; /* Via names us */
    bool has_host;
    bool has_length;
    bool has_forwarded_for;
    bool has_forwarded_host;
    bool has_forwarded_proto;
};

static void put_request_line(struct rewrite *w)
{
    const struct tn_http_head *head = w->head;
    struct tn_str target = tn_http_view(head, head->target);

    /* the method and its space; a target in absolute-form is further on */
    tn_http_put(&w->out, head->base + head->method_text.offset, head->method_text.len + 1u);
    if (target.len == 0)
        target = TN_STR("*");
    else if (target.ptr[0] == '?')
        TN_HTTP_PUT(&w->out, "/");
    tn_http_put_str(&w->out, target); /* tn_http_written_target_len() bytes in all */
    TN_HTTP_PUT(&w->out, " HTTP/1.1\r\n");
}

static bool is_dropped(const struct rewrite *w, const struct tn_http_field *field)
{
    for (unsigned i = 0; i < w->how->drop_count; i++) {
        if (w->how->drop[i].len == field->name.len &&
            tn_str_equal_nocase(w->how->drop[i], tn_http_view(w->head, field->name)))
            return true;
    }
    return false;
}

static bool is_shadow_mark(const struct rewrite *w, const struct tn_http_field *field)
{
    return w->how->mirror &&
           tn_str_equal_nocase(tn_http_view(w->head, field->name), TN_STR("turnout-shadow"));
}

/* Does a field with an id pass as it was received? Notes what need not be added. */
static bool passes(struct rewrite *w, const struct tn_http_field *field)
{
    bool trusted = w->how->trusted;

    switch (field->id) {
    case TN_HTTP_FIELD_HOST:
        /* an authority of its own in the target replaces it (RFC 9112 3.2.2) */
        w->has_host = w->head->authority.offset == field->value.offset;
        return w->has_host;
    case TN_HTTP_FIELD_CONTENT_LENGTH:
        w->has_length = tn_http_is_canonical_length(w->head, field);
        return w->has_length;
    case TN_HTTP_FIELD_EXPECT:
        return !w->how->mirror;
    case TN_HTTP_FIELD_X_REQUEST_ID:
        return w->keep_id;
    case TN_HTTP_FIELD_FORWARDED:
        return trusted;
    case TN_HTTP_FIELD_TURNOUT:
        return trusted && !is_shadow_mark(w, field);
    case TN_HTTP_FIELD_X_FORWARDED_FOR:
        w->has_forwarded_for = w->has_forwarded_for || trusted;
        return false; /* written again with our client at the end */
    case TN_HTTP_FIELD_X_FORWARDED_HOST:
        w->has_forwarded_host = w->has_forwarded_host || trusted;
        return trusted;
    case TN_HTTP_FIELD_X_FORWARDED_PROTO:
        w->has_forwarded_proto = w->has_forwarded_proto || trusted;
        return trusted;
    case TN_HTTP_FIELD_MAX_FORWARDS:
        return w->head->method != TN_HTTP_OPTIONS;
    default:
        return true;
    }
}

static void put_kept_fields(struct rewrite *w)
{
    for (unsigned i = 0; i < w->head->field_count; i++) {
        const struct tn_http_field *field = &w->head->fields[i];

        if (field->id == TN_HTTP_FIELD_VIA)
            w->loop =
                w->loop || tn_http_via_names(tn_http_view(w->head, field->value), w->how->via_name);
        if (field->hop_by_hop || is_dropped(w, field))
            continue;
        if (field->id == TN_HTTP_FIELD_OTHER || passes(w, field))
            tn_http_run_add(&w->run, &w->out, w->head, i);
    }
    tn_http_run_flush(&w->run, &w->out, w->head);
}

static void put_forwarded_for(struct rewrite *w)
{
    TN_HTTP_PUT(&w->out, "X-Forwarded-For: ");
    for (unsigned i = 0; w->has_forwarded_for && i < w->head->field_count; i++) {
        const struct tn_http_field *field = &w->head->fields[i];

        if (field->id != TN_HTTP_FIELD_X_FORWARDED_FOR || field->hop_by_hop ||
            field->value.len == 0)
            continue;
        tn_http_put_str(&w->out, tn_http_view(w->head, field->value));
        TN_HTTP_PUT(&w->out, ", ");
    }
    tn_http_put_str(&w->out, w->how->client_address);
    TN_HTTP_PUT(&w->out, "\r\n");
}

/* RFC 9110 7.6.2: one less for OPTIONS; what is no number is passed on as it came. */
static void put_max_forwards(struct rewrite *w)
{
    const struct tn_http_field *field;
    unsigned long long count;

    if (w->head->method != TN_HTTP_OPTIONS)
        return;
    field = tn_http_find(w->head, TN_HTTP_FIELD_MAX_FORWARDS);
    if (!field || field->hop_by_hop)
        return;
    if (tn_str_parse_u64(tn_http_view(w->head, field->value), 1000000, &count)) {
        tn_http_put_line(&w->out, TN_STR("Max-Forwards: "), tn_http_view(w->head, field->value));
        return;
    }
    tn_http_put_number_line(&w->out, TN_STR("Max-Forwards: "), count > 0 ? count - 1 : 0);
}

static void put_framing(struct rewrite *w)
{
    if (w->head->chunked)
        TN_HTTP_PUT(&w->out, "Transfer-Encoding: chunked\r\n");
    else if (w->head->content_length >= 0 && !w->has_length)
        tn_http_put_number_line(&w->out, TN_STR("Content-Length: "),
                                (uint64_t)w->head->content_length);
}

static void put_gateway_fields(struct rewrite *w)
{
    const struct tn_http_forward_request *how = w->how;

    tn_http_put_via(&w->out, w->head->version_minor, how->via_name);
    put_forwarded_for(w);
    if (!w->has_forwarded_host && w->head->authority.len > 0)
        tn_http_put_line(&w->out, TN_STR("X-Forwarded-Host: "),
                         tn_http_view(w->head, w->head->authority));
    if (!w->has_forwarded_proto)
        TN_HTTP_PUT(&w->out, "X-Forwarded-Proto: http\r\n");
    if (!w->keep_id && how->request_id.len > 0)
        tn_http_put_line(&w->out, TN_STR("X-Request-Id: "), how->request_id);
    if (how->mirror)
        TN_HTTP_PUT(&w->out, "Turnout-Shadow: 1\r\n");
}

int tn_http_write_request(const struct tn_http_head *head,
                          const struct tn_http_forward_request *how, char *buffer, size_t size)
{
    struct rewrite w = {.head = head, .how = how, .out = tn_http_output_of(buffer, size)};
    struct tn_str nothing = {NULL, 0};

    w.keep_id = tn_http_request_id(head, nothing).len > 0;
    put_request_line(&w);
    if (head->authority.offset == 0)
        tn_http_put_line(&w.out, TN_STR("Host: "), how->default_host);
    put_kept_fields(&w);
    if (!w.has_host && head->authority.offset != 0)
        tn_http_put_line(&w.out, TN_STR("Host: "), tn_http_view(head, head->authority));
    put_gateway_fields(&w);
    put_max_forwards(&w);
    put_framing(&w);
    if (how->upgrade && head->upgrade && !how->mirror)
        tn_http_put_upgrade(&w.out, head);
    TN_HTTP_PUT(&w.out, "\r\n");
    return w.loop ? -ELOOP : tn_http_output_end(&w.out);
}
