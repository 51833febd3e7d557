#include "lib/api/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static void format_address(const struct sockaddr_storage *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

    if (address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(text, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(text, size, "%s:%u", host, ntohs(v4->sin_port));
    }
}

/* From here on nobody finds a token in what was received. */
static void forget_authorization(struct tn_api_exchange *exchange)
{
    const struct tn_http_head *head = &exchange->head;

    for (uint16_t i = 0; i < head->field_count; i++) {
        const struct tn_http_field *field = &head->fields[i];
        size_t at = (size_t)(head->base - exchange->head_bytes) + field->value.offset;

        if (field->id == TN_HTTP_FIELD_AUTHORIZATION)
            tn_token_forget(exchange->head_bytes + at, field->value.len);
    }
}

/* The token of "Bearer TOKEN"; of anything else an empty one, which is none. */
static struct tn_str token_of(struct tn_str value)
{
    const struct tn_str scheme = TN_STR("bearer ");
    struct tn_str start = {value.ptr, value.len < scheme.len ? value.len : scheme.len};

    if (!tn_str_equal_nocase(start, scheme))
        return (struct tn_str){value.ptr, 0};
    return tn_str_trim((struct tn_str){value.ptr + scheme.len, value.len - scheme.len});
}

static void challenge(struct tn_api_exchange *exchange, const char *error)
{
    /* who has shown nothing that holds gets no further request on this connection */
    exchange->connection->close_after = true;
    tn_api_add_field(&exchange->call, "WWW-Authenticate: Bearer realm=\"turnout\"%s\r\n", error);
}

static bool refuse_missing(struct tn_api_exchange *exchange, unsigned count)
{
    challenge(exchange, "");
    tn_api_problem(&exchange->call, 401, "%s",
                   count == 0 ? "this interface asks for a token: Authorization: Bearer TOKEN"
                              : "there is more than one Authorization");
    return false;
}

static bool refuse_wrong(struct tn_api_exchange *exchange, const struct sockaddr_storage *address)
{
    struct tn_api_server *server = exchange->connection->server;
    uint64_t wait_ms =
        tn_failures_add(&server->failures, address, tn_loop_now_ms(server->options.loop));

    if (server->options.on_refused)
        server->options.on_refused(server->options.context, exchange->peer.address, wait_ms > 0);
    if (wait_ms > 0) {
        exchange->connection->close_after = true;
        tn_api_add_field(&exchange->call, "Retry-After: %llu\r\n",
                         (unsigned long long)((wait_ms + 999) / 1000));
        tn_api_problem(&exchange->call, 429, "too many wrong tokens; a right one still works");
        return false;
    }
    challenge(exchange, ", error=\"invalid_token\"");
    tn_api_problem(&exchange->call, 401, "this token is not known here");
    return false;
}

static bool check_token(struct tn_api_exchange *exchange)
{
    struct tn_api_connection *connection = exchange->connection;
    struct tn_api_peer *peer = &exchange->peer;
    const struct tn_http_field *field;
    struct sockaddr_storage address = {0};
    struct tn_token_owner owner;
    unsigned count = tn_http_find_name(&exchange->head, TN_STR("authorization"), &field);
    bool is_known =
        count == 1 && tn_tokens_find(connection->server->options.tokens,
                                     token_of(tn_http_view(&exchange->head, field->value)), &owner);

    forget_authorization(exchange);
    (void)tn_stream_peer(&connection->stream, &address); /* gone: its answer goes nowhere */
    format_address(&address, peer->address, sizeof(peer->address));
    if (count != 1)
        return refuse_missing(exchange, count);
    if (!is_known)
        return refuse_wrong(exchange, &address);
    peer->kind = TN_API_PEER_TOKEN;
    snprintf(peer->name, sizeof(peer->name), "%s", owner.name);
    exchange->role = owner.role;
    return true;
}

bool tn_api_check_access(struct tn_api_exchange *exchange)
{
    const struct tn_api_connection *connection = exchange->connection;
    const struct tn_api_server *server = connection->server;
    struct tn_api_peer *peer = &exchange->peer;

    if (server->options.tokens)
        return check_token(exchange);
    exchange->role = server->options.role;
    snprintf(peer->name, sizeof(peer->name), "anybody");
    if (server->users) {
        peer->kind = TN_API_PEER_USER;
        peer->user = connection->user;
        tn_api_users_name(server->users, peer->user.uid, peer->name);
    }
    return true;
}

bool tn_api_check_role(struct tn_api_exchange *exchange, const struct tn_api_route *route)
{
    const struct tn_api_peer *peer = &exchange->peer;

    if (route->role <= exchange->role)
        return true;
    if (peer->kind != TN_API_PEER_TOKEN) {
        tn_api_problem(&exchange->call, 403, "this listener is for reading only");
        return false;
    }
    tn_api_add_field(&exchange->call,
                     "WWW-Authenticate: Bearer realm=\"turnout\", error=\"insufficient_scope\", "
                     "scope=\"%s\"\r\n",
                     tn_token_role_text(route->role));
    tn_api_problem(&exchange->call, 403, "this needs role %s, and the token '%s' has role %s",
                   tn_token_role_text(route->role), peer->name, tn_token_role_text(exchange->role));
    return false;
}
