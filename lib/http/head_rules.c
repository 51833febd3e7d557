#include "lib/http/head_rules.h"

#include "lib/http/lower.h"

/* Cuts the first element off a comma-separated list; false when nothing is left. */
static bool next_token(struct tn_str *rest, struct tn_str *token)
{
    const char *comma;

    if (rest->len == 0)
        return false;
    comma = memchr(rest->ptr, ',', rest->len);
    token->ptr = rest->ptr;
    token->len = comma ? (size_t)(comma - rest->ptr) : rest->len;
    rest->ptr += token->len + (comma ? 1 : 0);
    rest->len -= token->len + (comma ? 1 : 0);
    *token = tn_str_trim(*token);
    return true;
}

static bool is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
            (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return len > 0;
}

/* protocol-name ["/" protocol-version], RFC 9110 7.8 */
static bool is_protocol(struct tn_str s)
{
    const char *slash = memchr(s.ptr, '/', s.len);
    size_t name = slash ? (size_t)(slash - s.ptr) : s.len;

    return is_token(s.ptr, name) && (!slash || is_token(slash + 1, s.len - name - 1));
}

/* Every element a protocol, none of them HTTP/2: what servers could read in two ways does not pass.
 */
static bool may_upgrade_to(struct tn_str value)
{
    struct tn_str token;
    bool has_any = false;

    while (next_token(&value, &token)) {
        if (token.len == 0)
            continue;
        if (!is_protocol(token) ||
            (token.len >= 3 && tn_str_equal_nocase((struct tn_str){token.ptr, 3}, TN_STR("h2c"))))
            return false;
        has_any = true;
    }
    return has_any;
}

/* Values come with the white space that follows them; an empty one is right behind the colon,
 * wherever llhttp saw it, or if it told nobody. */
static void finish_value(struct tn_http_head *head, struct tn_http_field *field)
{
    while (field->value.len > 0) {
        char last = head->base[field->value.offset + field->value.len - 1];

        if (last != ' ' && last != '\t')
            break;
        field->value.len--;
    }
    if (field->value.len == 0)
        field->value.offset = (uint16_t)(field->name.offset + field->name.len + 1);
}

static void note_field(struct tn_http_findings *found, struct tn_http_field *field,
                       struct tn_str value)
{
    switch (field->id) {
    case TN_HTTP_FIELD_HOST:
        if (found->hosts++ == 0) {
            found->host = value;
            found->host_slice = field->value;
        }
        break;
    case TN_HTTP_FIELD_CONTENT_LENGTH:
        if (found->lengths++ == 0)
            found->length = value;
        break;
    case TN_HTTP_FIELD_TRANSFER_ENCODING:
        field->hop_by_hop = true;
        if (found->codings++ == 0)
            found->coding = value;
        break;
    case TN_HTTP_FIELD_EXPECT:
        if (found->expects++ == 0)
            found->expect = value;
        break;
    case TN_HTTP_FIELD_CONNECTION:
        field->hop_by_hop = true;
        found->connections++;
        break;
    case TN_HTTP_FIELD_UPGRADE:
        field->hop_by_hop = true;
        found->upgrade_field = true;
        found->upgrade_refused = found->upgrade_refused || !may_upgrade_to(value);
        break;
    case TN_HTTP_FIELD_PROXY_CONNECTION:
    case TN_HTTP_FIELD_KEEP_ALIVE:
    case TN_HTTP_FIELD_TE:
    case TN_HTTP_FIELD_TRAILER:
    case TN_HTTP_FIELD_HTTP2_SETTINGS:
        field->hop_by_hop = true;
        break;
    default:
        break;
    }
}

static void read_fields(struct tn_http_head *head, struct tn_http_findings *found)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_http_field *field = &head->fields[i];

        finish_value(head, field);
        field->hop_by_hop = false;
        field->id = (uint8_t)tn_http_field_id_of(tn_http_view(head, field->name));
        if (field->id != TN_HTTP_FIELD_OTHER)
            note_field(found, field, tn_http_view(head, field->value));
    }
}

/* Host and Content-Length stay whoever names them: framing and routing are not the sender's to
 * take away from the next server. */
static void nominate(struct tn_http_head *head, struct tn_str name)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_http_field *field = &head->fields[i];

        if (field->name.len != name.len || field->id == TN_HTTP_FIELD_HOST ||
            field->id == TN_HTTP_FIELD_CONTENT_LENGTH)
            continue;
        if (tn_str_equal_nocase(tn_http_view(head, field->name), name))
            field->hop_by_hop = true;
    }
}

static enum tn_http_error read_connection(struct tn_http_head *head, struct tn_http_findings *found)
{
    unsigned tokens = 0;

    for (unsigned i = 0; i < head->field_count; i++) {
        struct tn_str rest, token;

        if (head->fields[i].id != TN_HTTP_FIELD_CONNECTION)
            continue;
        rest = tn_http_view(head, head->fields[i].value);
        while (next_token(&rest, &token)) {
            if (++tokens > TN_HTTP_CONNECTION_TOKENS_MAX)
                return TN_HTTP_E_BAD_FIELD;
            if (TN_HTTP_IS(token, "close"))
                found->close_named = true;
            else if (TN_HTTP_IS(token, "keep-alive"))
                found->keep_alive_named = true;
            else if (TN_HTTP_IS(token, "upgrade"))
                found->upgrade_named = true;
            else
                nominate(head, token);
        }
    }
    return TN_HTTP_OK;
}

static enum tn_http_error read_framing(struct tn_http_head *head,
                                       const struct tn_http_findings *found)
{
    unsigned long long length;

    head->content_length = -1;
    if (found->codings > 0) {
        if (found->lengths > 0 || found->codings > 1 || head->version_minor == 0 ||
            !TN_HTTP_IS(found->coding, "chunked"))
            return TN_HTTP_E_BAD_TRANSFER_ENCODING;
        head->chunked = true;
    }
    if (found->lengths > 0) {
        if (found->lengths > 1 ||
            tn_str_parse_u64(found->length, TN_HTTP_CONTENT_LENGTH_MAX, &length))
            return TN_HTTP_E_BAD_CONTENT_LENGTH;
        head->content_length = (int64_t)length;
    }
    return TN_HTTP_OK;
}

enum tn_http_error tn_http_read_fields(struct tn_http_head *head,
                                       const struct tn_http_limits *limits,
                                       struct tn_http_findings *found)
{
    enum tn_http_error error;

    if (head->field_count > 0 && head->len - head->fields[0].name.offset > limits->head_bytes)
        return TN_HTTP_E_HEAD_TOO_LARGE;
    if (head->field_count > limits->field_count)
        return TN_HTTP_E_TOO_MANY_FIELDS;
    read_fields(head, found);
    error = read_framing(head, found);
    if (!error && found->connections > 0)
        error = read_connection(head, found);
    if (error)
        return error;
    head->keep_alive = !found->close_named && (head->version_minor == 1 || found->keep_alive_named);
    head->upgrade = head->version_minor == 1 && found->upgrade_named && found->upgrade_field &&
                    !found->upgrade_refused;
    return TN_HTTP_OK;
}
