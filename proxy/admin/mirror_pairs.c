#include "proxy/admin/resources.h"

#include "lib/api/query.h"

#include <errno.h>
#include <stdlib.h>

struct question {
    char rule[128]; /* "": every rule */
};

/* --- bytes of services -------------------------------------------------------------------------
 */

/* What is no UTF-8 becomes '?'. ptr NULL: null. */
static json_t *text_json(struct tn_str text)
{
    json_t *json = text.ptr ? json_stringn(text.ptr, text.len) : json_null();
    char *copy;

    if (json)
        return json;
    copy = malloc(text.len + 1);
    for (size_t i = 0; copy && i < text.len; i++)
        copy[i] = (char)((unsigned char)text.ptr[i] < 0x80 ? text.ptr[i] : '?');
    json = copy ? json_stringn(copy, text.len) : NULL;
    free(copy);
    return json;
}

static json_t *base64_json(struct tn_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc((bytes.len + 2) / 3 * 4 + 1);
    size_t len = 0;
    json_t *json;

    if (!text)
        return NULL;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)(uint8_t)bytes.ptr[i] << 16;

        if (left > 1)
            three |= (uint32_t)(uint8_t)bytes.ptr[i + 1] << 8;
        if (left > 2)
            three |= (uint8_t)bytes.ptr[i + 2];
        text[len++] = digits[three >> 18];
        text[len++] = digits[three >> 12 & 63];
        text[len++] = (char)(left > 1 ? digits[three >> 6 & 63] : '=');
        text[len++] = (char)(left > 2 ? digits[three & 63] : '=');
    }
    json = json_stringn_nocheck(text, len);
    free(text);
    return json;
}

/* Controls take six bytes each in JSON, and are no text to a reader: such a body goes as base64. */
static bool is_plain(struct tn_str body)
{
    for (size_t i = 0; i < body.len; i++) {
        unsigned char c = (unsigned char)body.ptr[i];

        if (c == 0x7f || (c < 0x20 && c != '\n' && c != '\r' && c != '\t'))
            return false;
    }
    return true;
}

static json_t *answer_json(const struct px_pair *pair, enum px_pair_side side)
{
    const struct px_pair_answer *answer = &pair->answers[side];
    struct tn_str body = {answer->body.ptr ? answer->body.ptr : "", answer->body.len};
    json_t *headers = json_object();
    json_t *text = is_plain(body) ? json_stringn(body.ptr, body.len) : NULL;
    bool is_text = text != NULL;

    for (uint32_t i = 0; i < pair->header_count; i++) {
        const struct px_pair_header *header = &pair->headers[i];

        json_object_setn_new(headers, header->name.ptr, header->name.len,
                             text_json(header->values[side]));
    }
    return json_pack("{s:i, s:o, s:o, s:o, s:s, s:I, s:b}", "status", (int)answer->status,
                     "headers", headers, "content_encoding", text_json(answer->content_encoding),
                     "body", is_text ? text : base64_json(body), "body_form",
                     is_text ? "text" : "base64", "body_bytes", (json_int_t)answer->body_len,
                     "body_cut", answer->body_len > answer->body.len);
}

/* --- pairs -------------------------------------------------------------------------------------
 */

/* Judged when it is read, as in the report. */
static bool is_noise(const struct px_ledger *ledger, const struct px_pair *pair,
                     const struct px_pair_field *field)
{
    for (uint32_t i = 0; i < ledger->group_count; i++) {
        const struct px_ledger_group *group = ledger->groups[i];

        if (!tn_str_equal(tn_str_of(group->name), pair->group))
            continue;
        for (uint32_t k = 0; k < group->field_count; k++) {
            if (group->fields[k].kind == field->kind &&
                tn_str_equal(tn_str_of(group->fields[k].path), field->path))
                return px_ledger_is_noise(group, &group->fields[k]);
        }
    }
    return false;
}

static json_t *pair_json(const struct px_ledger *ledger, const struct px_pair *pair)
{
    char at[TN_RFC3339_SIZE];
    json_t *fields = json_array();

    for (uint32_t i = 0; i < pair->field_count; i++)
        json_array_append_new(fields, json_pack("{s:s, s:o, s:b}", "kind",
                                                px_compare_kind_label(pair->fields[i].kind), "path",
                                                text_json(pair->fields[i].path), "noise",
                                                is_noise(ledger, pair, &pair->fields[i])));
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:s, s:o, s:b, s:o, s:o}", "at", tn_clock_rfc3339(pair->at_ns, at),
        "group", pair->group.len > 0 ? text_json(pair->group) : json_null(), "path",
        text_json(pair->path), "request_id", text_json(pair->request_id), "result",
        px_compare_result_label(pair->result), "fields", fields, "more_fields", pair->has_more,
        "primary", answer_json(pair, PX_PAIR_PRIMARY), "shadow", answer_json(pair, PX_PAIR_SHADOW));
}

static json_t *mirror_json(const struct px_admin *admin, const struct px_stats *stats,
                           const struct px_snapshot_rule *rule,
                           const struct px_snapshot_mirror *mirror)
{
    const struct px_snapshot_version *to = &px_rulebook_snapshot(admin->book)->versions[mirror->to];
    const struct px_ledger *ledger = stats->ledgers[rule->stat][to->stat];
    /* the loops may be at an earlier configuration, which nobody asked for any more */
    bool has_pairs = ledger && mirror->mirror->keep_pairs > 0;
    json_t *pairs = json_array();

    for (uint32_t i = has_pairs ? ledger->pairs.count : 0; i-- > 0;)
        json_array_append_new(pairs, pair_json(ledger, ledger->pairs.list[i]));
    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:I, s:o}", "rule", rule->rule->name, "to",
                     to->name, "build", to->build, "keep_pairs", (int)mirror->mirror->keep_pairs,
                     "bytes", has_pairs ? (json_int_t)ledger->pairs.bytes : 0, "not_kept",
                     has_pairs ? (json_int_t)ledger->pairs.lost : 0, "pairs", pairs);
}

static void render(struct px_admin *admin, struct tn_api_call *call, const struct px_stats *stats,
                   void *context)
{
    const struct question *question = context;
    const struct px_snapshot *snapshot = px_rulebook_snapshot(admin->book);
    json_t *mirrors = json_array();

    for (uint32_t i = 0; i < snapshot->rule_count; i++) {
        const struct px_snapshot_rule *rule = &snapshot->rules[i];

        if (question->rule[0] && strcmp(question->rule, rule->rule->name) != 0)
            continue;
        for (uint32_t k = 0; k < rule->mirror_count; k++)
            json_array_append_new(mirrors, mirror_json(admin, stats, rule, &rule->mirrors[k]));
    }
    px_admin_add_etag(admin, call);
    tn_api_answer_json(
        call, 200,
        json_pack("{s:I, s:o}", "revision", (json_int_t)snapshot->revision, "mirrors", mirrors));
}

/* NULL: the call was answered. */
static struct question *read_question(struct tn_api_call *call, const struct px_snapshot *snapshot)
{
    struct tn_str rest = tn_http_view(call->head, call->head->query);
    struct question *question = calloc(1, sizeof(*question));
    char buffer[1024];
    const char *name;
    const char *value;
    int r = -ENOMEM;

    while (question && (r = tn_api_query_next(&rest, buffer, sizeof(buffer), &name, &value)) == 1) {
        size_t len = strlen(value);

        if (strcmp(name, "rule") != 0)
            tn_api_problem(call, 422, "unknown parameter: rule");
        else if (px_snapshot_find_rule(snapshot, value) == STRATEGY_NONE ||
                 len >= sizeof(question->rule))
            tn_api_problem(call, 422, "there is no rule '%.64s'", value);
        else {
            memcpy(question->rule, value, len + 1);
            continue;
        }
        free(question);
        return NULL;
    }
    if (r == 0)
        return question;
    tn_api_problem(call, question ? 422 : 503, "%s",
                   question ? "the query is not well encoded" : "out of memory");
    free(question);
    return NULL;
}

void px_admin_get_mirror_pairs(struct tn_api_call *call, void *context)
{
    struct px_admin *admin = context;
    struct question *question = read_question(call, px_rulebook_snapshot(admin->book));

    if (question)
        px_admin_with_ledgers(admin, call, render, question);
}
