#include "proxy/route/match.h"

#include "proxy/route/context.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/*
 * PCRE2 counts backtracking, not the reading of bytes: a plain [a-z]+[0-9] tried from each of 4,096
 * places takes 11 ms. With '^' it is tried from one.
 */
#define REGEX_SUBJECT_MAX 1024
#define REGEX_ANCHORED_SUBJECT_MAX 16384
#define HOST_MAX 255

enum field { HOST, PATH, METHOD, HEADER, COOKIE, QUERY };

enum outcome { FAILS, HOLDS, OVER_LIMIT };

/* One condition and what the request says about it. */
struct question {
    const struct px_match_value *value;
    enum field field;
    bool is_given;
    struct tn_str given;
};

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

static unsigned char fold(char c)
{
    if (c == '_')
        return '-';
    return lower(c);
}

/* Equal to services that turn names into variables (CGI and its heirs). */
static bool is_same_variable(struct tn_str a, struct tn_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    }
    return true;
}

bool px_match_find_header(const struct tn_http_head *head, struct tn_str name,
                          struct tn_str *ret_value)
{
    const struct tn_http_field *found = NULL;

    for (unsigned i = 0; i < head->field_count; i++) {
        const struct tn_http_field *field = &head->fields[i];

        if (field->name.len != name.len || !is_same_variable(tn_http_view(head, field->name), name))
            continue;
        if (found)
            return false;
        found = field;
    }
    if (!found || !tn_str_equal_nocase(tn_http_view(head, found->name), name))
        return false;
    *ret_value = tn_http_view(head, found->value);
    return true;
}

/* The value of a query parameter that is given just once. */
static bool find_parameter(const struct tn_http_head *head, struct tn_str name,
                           struct tn_str *ret_value)
{
    struct tn_str rest = tn_http_view(head, head->query);
    bool is_found = false;

    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '&', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;
        const char *equals = memchr(rest.ptr, '=', len);
        size_t name_len = equals ? (size_t)(equals - rest.ptr) : len;

        if (tn_str_equal((struct tn_str){rest.ptr, name_len}, name)) {
            if (is_found)
                return false;
            is_found = true;
            *ret_value = equals ? (struct tn_str){equals + 1, len - name_len - 1}
                                : (struct tn_str){rest.ptr + len, 0};
        }
        rest.ptr += len + (end != NULL);
        rest.len -= len + (end != NULL);
    }
    return is_found;
}

/* Without the port, and without the dot that makes a name absolute. */
static struct tn_str host_of(const struct tn_http_head *head)
{
    struct tn_str host = tn_http_view(head, head->authority);
    const char *end;

    if (host.len == 0)
        return host;
    end = memchr(host.ptr, host.ptr[0] == '[' ? ']' : ':', host.len);
    if (end)
        host.len = (size_t)(end - host.ptr) + (host.ptr[0] == '[');
    if (host.len > 1 && host.ptr[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool has_path_prefix(struct tn_str path, struct tn_str prefix)
{
    if (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/')
        prefix.len--;
    return tn_str_has_prefix(path, prefix) &&
           (path.len == prefix.len || prefix.len == 0 || path.ptr[prefix.len] == '/');
}

static size_t subject_max(const pcre2_code *regex)
{
    uint32_t options = 0;

    pcre2_pattern_info(regex, PCRE2_INFO_ALLOPTIONS, &options);
    return options & PCRE2_ANCHORED ? REGEX_ANCHORED_SUBJECT_MAX : REGEX_SUBJECT_MAX;
}

static enum outcome search(const struct question *question, struct px_route_loop *loop)
{
    unsigned char host[HOST_MAX];
    struct tn_str subject = question->given;
    int found;

    if (question->field == HOST) {
        if (subject.len > sizeof(host))
            return OVER_LIMIT;
        for (size_t i = 0; i < subject.len; i++)
            host[i] = lower(subject.ptr[i]);
        subject.ptr = (const char *)host;
    }
    if (subject.len > subject_max(question->value->regex))
        return OVER_LIMIT;
    found = pcre2_match(question->value->regex, (PCRE2_SPTR)(subject.len > 0 ? subject.ptr : ""),
                        subject.len, 0, 0, loop->regex_memory, loop->regex_context);
    if (found >= 0)
        return HOLDS;
    return found == PCRE2_ERROR_NOMATCH ? FAILS : OVER_LIMIT;
}

static bool has_prefix(enum field field, struct tn_str given, struct tn_str text)
{
    if (field == PATH)
        return has_path_prefix(given, text);
    if (field == HOST)
        return given.len >= text.len &&
               tn_str_equal_nocase((struct tn_str){given.ptr, text.len}, text);
    return tn_str_has_prefix(given, text);
}

static enum outcome compare(const struct question *question, struct px_route_loop *loop)
{
    struct tn_str text = tn_str_of(question->value->text);

    if (!question->is_given)
        return FAILS;
    switch (question->value->kind) {
    case PX_MATCH_EXACT:
        if (question->field == HOST)
            return tn_str_equal_nocase(question->given, text) ? HOLDS : FAILS;
        return tn_str_equal(question->given, text) ? HOLDS : FAILS;
    case PX_MATCH_PREFIX:
        return has_prefix(question->field, question->given, text) ? HOLDS : FAILS;
    case PX_MATCH_REGEX:
        return search(question, loop);
    case PX_MATCH_PRESENT:
        break;
    }
    return HOLDS;
}

static void tell(const struct question *question, enum outcome outcome,
                 const struct px_explain *explain)
{
    static const char *const fields[] = {"host", "path", "method", "headers", "cookies", "query"};
    static const char *const kinds[] = {"exact", "prefix", "regex", "present"};
    static const char *const outcomes[] = {"no", "yes", "no: the regex ran into its limit"};
    const struct px_match_value *value = question->value;
    bool has_text = value->kind != PX_MATCH_PRESENT;
    struct tn_str given = question->given;

    if (given.len > 100)
        given.len = 100;
    px_route_say(explain, "  %s%s%s%s %s%s%s%s: %s%.*s%s: %s", fields[question->field],
                 value->name ? " " : "", value->name ? value->name : "",
                 value->negate ? " not" : "", kinds[value->kind], has_text ? " \"" : "",
                 has_text && value->text ? value->text : "", has_text ? "\"" : "",
                 question->is_given ? "\"" : "not given", question->is_given ? (int)given.len : 0,
                 question->is_given ? given.ptr : "", question->is_given ? "\"" : " (or twice)",
                 outcomes[outcome]);
}

static bool holds(const struct question *question, struct px_route_loop *loop,
                  const struct px_explain *explain)
{
    enum outcome outcome = compare(question, loop);

    if (question->value->negate && outcome != OVER_LIMIT)
        outcome = outcome == HOLDS ? FAILS : HOLDS;
    if (explain)
        tell(question, outcome, explain);
    return outcome == HOLDS;
}

static bool hold_all(const struct px_match_value *values, uint32_t count, enum field field,
                     struct px_route_loop *loop, const struct px_route_request *request,
                     const struct px_explain *explain)
{
    const struct tn_http_head *head = request->head;

    for (uint32_t i = 0; i < count; i++) {
        struct question question = {&values[i], field, true, {"", 0}};
        struct tn_str name = tn_str_of(values[i].name);

        switch (field) {
        case HOST:
            question.given = host_of(head);
            break;
        case PATH:
            question.given = tn_http_view(head, head->path);
            break;
        case METHOD:
            question.given = tn_http_view(head, head->method_text);
            break;
        case HEADER:
            question.is_given = px_match_find_header(head, name, &question.given);
            break;
        case COOKIE:
            question.is_given = tn_http_find_cookie(head, name, &question.given) == 1;
            break;
        case QUERY:
            question.is_given = find_parameter(head, name, &question.given);
            break;
        }
        if (!holds(&question, loop, explain))
            return false;
    }
    return true;
}

static bool match_holds(const struct px_match *match, struct px_route_loop *loop,
                        const struct px_route_request *request, const struct px_explain *explain)
{
    return hold_all(match->host, match->host != NULL, HOST, loop, request, explain) &&
           hold_all(match->path, match->path != NULL, PATH, loop, request, explain) &&
           hold_all(match->method, match->method != NULL, METHOD, loop, request, explain) &&
           hold_all(match->headers, match->header_count, HEADER, loop, request, explain) &&
           hold_all(match->cookies, match->cookie_count, COOKIE, loop, request, explain) &&
           hold_all(match->query, match->query_count, QUERY, loop, request, explain);
}

bool px_match_goal(const struct px_match *match, struct px_route_loop *loop,
                   const struct px_route_request *request)
{
    return match_holds(match, loop, request, NULL);
}

bool px_match_rule(const struct px_rule *rule, struct px_route_loop *loop,
                   const struct px_route_request *request, const struct px_explain *explain)
{
    if (rule->is_switched_off) {
        if (explain)
            px_route_say(explain, "rule %s: switched off by an abort", rule->name);
        return false;
    }
    if (rule->match_count == 0) {
        if (explain)
            px_route_say(explain, "rule %s: matches every request", rule->name);
        return true;
    }
    for (uint32_t i = 0; i < rule->match_count; i++) {
        bool is_match;

        if (explain)
            px_route_say(explain, "rule %s, match %u of %u:", rule->name, i + 1, rule->match_count);
        is_match = match_holds(&rule->matches[i], loop, request, explain);
        if (explain)
            px_route_say(explain, "rule %s, match %u of %u: %s", rule->name, i + 1,
                         rule->match_count, is_match ? "matches" : "doesn't match");
        if (is_match)
            return true;
    }
    return false;
}
