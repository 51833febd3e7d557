#include "lib/api/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *const method_names[] = {"GET",    "HEAD",    "POST",  "PUT",
                                           "DELETE", "OPTIONS", "PATCH", ""};

/* Without its port; an IPv6 literal without its brackets. */
static struct tn_str host_of(struct tn_str authority)
{
    const char *end;

    if (authority.len > 0 && authority.ptr[0] == '[') {
        end = memchr(authority.ptr, ']', authority.len);
        if (!end)
            return authority;
        return (struct tn_str){authority.ptr + 1, (size_t)(end - authority.ptr - 1)};
    }
    end = memchr(authority.ptr, ':', authority.len);
    return end ? (struct tn_str){authority.ptr, (size_t)(end - authority.ptr)} : authority;
}

static bool is_loopback(struct tn_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;

    if (host.len >= sizeof(text))
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* A page from anywhere can make a browser ask us under a name that its author's DNS points here. It
 * cannot do so under localhost or an address of loopback. */
static bool is_own_host(const struct tn_api_server *server, struct tn_str authority)
{
    struct tn_str host;

    if (server->options.any_host || authority.len == 0)
        return true;
    host = host_of(authority);
    return tn_str_equal_nocase(host, TN_STR("localhost")) || is_loopback(host);
}

static bool is_own_origin(const struct tn_http_head *head)
{
    const struct tn_http_field *field = tn_http_find(head, TN_HTTP_FIELD_ORIGIN);
    struct tn_str origin;
    struct tn_str scheme = TN_STR("http://");

    if (!field)
        return true;
    if (tn_http_find_name(head, TN_STR("origin"), NULL) > 1)
        return false;
    origin = tn_http_view(head, field->value);
    if (!tn_str_has_prefix(origin, scheme))
        return false;
    origin.ptr += scheme.len;
    origin.len -= scheme.len;
    return tn_str_equal_nocase(origin, tn_http_view(head, head->authority));
}

static bool answers(const struct tn_api_route *route, unsigned method)
{
    return route->method == method || (method == TN_HTTP_HEAD && route->method == TN_HTTP_GET);
}

/* 404, or 405 with what the path does answer. */
static bool refuse_route(struct tn_api_exchange *exchange, struct tn_str path)
{
    const struct tn_api_options *options = &exchange->connection->server->options;
    char allow[128] = "";
    size_t used = 0;

    for (size_t i = 0; i < options->route_count; i++) {
        const struct tn_api_route *route = &options->routes[i];

        if (!tn_str_equal(path, tn_str_of(route->path)) || used + 16 > sizeof(allow))
            continue;
        used += (size_t)snprintf(allow + used, sizeof(allow) - used, "%s%s%s", used ? ", " : "",
                                 method_names[route->method],
                                 route->method == TN_HTTP_GET ? ", HEAD" : "");
    }
    if (used == 0) {
        tn_api_problem(&exchange->call, 404, "there is nothing at this path");
        return false;
    }
    tn_api_add_field(&exchange->call, "Allow: %s\r\n", allow);
    tn_api_problem(&exchange->call, 405, "this path answers %s", allow);
    return false;
}

static bool find_route(struct tn_api_exchange *exchange)
{
    const struct tn_api_options *options = &exchange->connection->server->options;
    struct tn_str path = tn_http_view(&exchange->head, exchange->head.path);

    for (size_t i = 0; i < options->route_count; i++) {
        const struct tn_api_route *route = &options->routes[i];

        if (!answers(route, exchange->head.method) || !tn_str_equal(path, tn_str_of(route->path)))
            continue;
        exchange->route = route;
        return tn_api_check_role(exchange, route);
    }
    return refuse_route(exchange, path);
}

/* The type without its parameters; 0 when it is none of ours. */
static unsigned body_type(struct tn_str value)
{
    static const struct {
        const char *name;
        unsigned type;
    } types[] = {{"application/json", TN_API_JSON},
                 {"application/yaml", TN_API_YAML},
                 {"application/x-yaml", TN_API_YAML},
                 {"text/yaml", TN_API_YAML}};
    const char *end = memchr(value.ptr, ';', value.len);

    if (end)
        value.len = (size_t)(end - value.ptr);
    value = tn_str_trim(value);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (tn_str_equal_nocase(value, tn_str_of(types[i].name)))
            return types[i].type;
    }
    return 0;
}

static bool check_body(struct tn_api_exchange *exchange)
{
    const struct tn_http_head *head = &exchange->head;
    uint32_t max = exchange->connection->server->options.limits.body_bytes;
    const struct tn_http_field *field;
    unsigned type = TN_API_JSON;

    if (!tn_http_has_body(head))
        return true;
    if (tn_http_find_name(head, TN_STR("content-type"), &field) > 0)
        type = body_type(tn_http_view(head, field->value));
    if (tn_http_find_name(head, TN_STR("content-encoding"), NULL) > 0)
        type = 0;
    if (!(type & exchange->route->bodies)) {
        tn_api_problem(&exchange->call, 415, "%s",
                       exchange->route->bodies == 0 ? "this resource takes no body"
                       : exchange->route->bodies & TN_API_YAML
                           ? "the body must be application/json or application/yaml"
                           : "the body must be application/json");
        return false;
    }
    if (head->content_length > (int64_t)max) {
        tn_api_problem(&exchange->call, 413, "the body is larger than %u bytes", max);
        return false;
    }
    exchange->call.body_type = type;
    return true;
}

bool tn_api_check_head(struct tn_api_exchange *exchange)
{
    struct tn_api_connection *connection = exchange->connection;
    const struct tn_http_head *head = &exchange->head;
    bool keeps = !connection->close_after;
    bool passed = false;

    /* Whoever is refused before its body was read can't be read from any further. */
    if (tn_http_has_body(head))
        connection->close_after = true;
    if (!is_own_host(connection->server, tn_http_view(head, head->authority)))
        tn_api_problem(&exchange->call, 421, "this interface is not called by that name");
    else if (!is_own_origin(head))
        tn_api_problem(&exchange->call, 403, "requests of other origins are refused");
    else
        passed = tn_api_check_access(exchange) && find_route(exchange) && check_body(exchange);
    if (passed)
        connection->close_after = !keeps;
    return passed;
}
