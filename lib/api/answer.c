#include "lib/api/connection.h"

#include "lib/api/json.h"
#include "lib/http/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD_ROOM 1024 /* status line and the fields that are always the same */

void tn_api_add_field(struct tn_api_call *call, const char *format, ...)
{
    struct tn_api_exchange *exchange = tn_api_exchange_of(call);
    size_t room = sizeof(exchange->fields) - exchange->fields_len;
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(exchange->fields + exchange->fields_len, room, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < room)
        exchange->fields_len += (size_t)len;
}

static int write_answer(struct tn_api_exchange *exchange, unsigned status, const char *content_type,
                        struct tn_str body)
{
    struct tn_api_connection *connection = exchange->connection;
    const struct tn_clock *clock = connection->server->options.clock;
    size_t size = HEAD_ROOM + exchange->fields_len + body.len;
    char date[TN_HTTP_DATE_SIZE];
    struct tn_http_answer answer = {
        .status = status,
        .content_type = tn_str_of(content_type),
        .body = body,
        .date = tn_str_of(tn_clock_http_date(clock->wall_ns(clock->context), date)),
        .extra_fields = {exchange->fields, exchange->fields_len},
        .keep_alive = !connection->close_after,
        .head_request = exchange->head_bytes && exchange->head.method == TN_HTTP_HEAD,
        .version_minor = exchange->head_bytes ? exchange->head.version_minor : 1,
    };
    char *bytes = malloc(size);
    int len;

    if (!bytes)
        return -ENOMEM;
    len = tn_http_write_answer(&answer, bytes, size);
    if (len >= 0) {
        struct tn_str piece = {bytes, (size_t)len};

        len = tn_stream_write(&connection->stream, &piece, 1);
    }
    free(bytes);
    return len;
}

void tn_api_answer(struct tn_api_call *call, unsigned status, const char *content_type,
                   struct tn_str body)
{
    struct tn_api_exchange *exchange = tn_api_exchange_of(call);
    struct tn_api_connection *connection = exchange->connection;
    int error;

    if (!connection) { /* the client left */
        tn_api_exchange_free(exchange);
        return;
    }
    assert(connection->exchange == exchange);
    if (connection->server->is_closing)
        connection->close_after = true;
    error = write_answer(exchange, status, content_type, body);
    if (connection->state == TN_API_PENDING)
        connection->state = TN_API_BODY; /* from here on the exchange is ours again */
    if (error) {
        tn_api_connection_close(connection);
        return;
    }
    tn_api_exchange_free(exchange);
    tn_api_connection_answered(connection);
}

static bool answer_json(struct tn_api_call *call, unsigned status, json_t *body)
{
    const char *type = status >= 400 ? "application/problem+json" : "application/json";
    char *text = body ? tn_json_text(body, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    json_decref(body);
    if (!text)
        return false;
    tn_api_answer(call, status, type, tn_str_of(text));
    free(text);
    return true;
}

void tn_api_answer_json(struct tn_api_call *call, unsigned status, json_t *body)
{
    if (!answer_json(call, status, body))
        tn_api_answer(call, 500, "application/problem+json",
                      TN_STR("{\"type\":\"about:blank\",\"title\":\"Internal Server Error\","
                             "\"status\":500,\"detail\":\"out of memory\"}"));
}

void tn_api_answer_json_or(struct tn_api_call *call, unsigned status, json_t *body,
                           const char *instead)
{
    if (!answer_json(call, status, body))
        tn_api_answer(call, status, "application/json", tn_str_of(instead));
}

void tn_api_problem_json(struct tn_api_call *call, unsigned status, const char *detail,
                         json_t *errors)
{
    json_t *problem =
        json_pack("{s:s, s:s, s:i, s:o}", "type", "about:blank", "title", tn_http_reason(status),
                  "status", (int)status, "detail", tn_json_string(detail));

    if (errors)
        tn_json_set(&problem, "errors", errors);
    tn_api_answer_json(call, status, problem);
}

void tn_api_problem(struct tn_api_call *call, unsigned status, const char *format, ...)
{
    char detail[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    tn_api_problem_json(call, status, detail, NULL);
}

json_t *tn_api_body_json(struct tn_api_call *call)
{
    bool is_no_memory;
    json_error_t error;
    json_t *body;

    if (call->body.len == 0)
        return json_object();
    body = tn_json_parse(call->body, &error, &is_no_memory);
    if (is_no_memory) {
        tn_api_problem(call, 503, "out of memory");
        return NULL;
    }
    if (!body) {
        tn_api_problem(call, 400, "the body is not JSON: line %d, column %d: %s", error.line,
                       error.column, error.text);
        return NULL;
    }
    if (!json_is_object(body)) {
        json_decref(body);
        tn_api_problem(call, 400, "the body must be a JSON object");
        return NULL;
    }
    return body;
}

int tn_api_if_match(const struct tn_api_call *call, uint64_t *ret_revision)
{
    const struct tn_http_field *field;
    unsigned long long revision;
    struct tn_str value;
    int error;

    if (tn_http_find_name(call->head, TN_STR("if-match"), &field) == 0)
        return 0;
    if (tn_http_find_name(call->head, TN_STR("if-match"), NULL) > 1)
        return -EINVAL;
    value = tn_http_view(call->head, field->value);
    if (tn_str_equal(value, TN_STR("*")))
        return 0;
    if (value.len < 3 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return -EINVAL;
    value.ptr++;
    value.len -= 2;
    error = tn_str_parse_u64(value, UINT64_MAX, &revision);
    if (error)
        return -EINVAL;
    *ret_revision = revision;
    return 1;
}
