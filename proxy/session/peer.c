#include "proxy/session/exchange.h"

#include <arpa/inet.h>
#include <string.h>

static void address_of(const struct in6_addr *mapped, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

    memset(ret_address, 0, sizeof(*ret_address));
    if (IN6_IS_ADDR_V4MAPPED(mapped)) {
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, &mapped->s6_addr[12], 4);
        return;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_addr = *mapped;
}

static bool parse_address(struct tn_str text, struct sockaddr_storage *ret_address)
{
    char buffer[INET6_ADDRSTRLEN];
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;

    text = tn_str_trim(text);
    if (text.len == 0 || text.len >= sizeof(buffer))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, buffer, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, buffer, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        return true;
    }
    return false;
}

/* Splits the last element off a comma-separated list. */
static struct tn_str pop_last(struct tn_str *list)
{
    size_t comma = list->len;
    struct tn_str last;

    while (comma > 0 && list->ptr[comma - 1] != ',')
        comma--;
    last = (struct tn_str){list->ptr + comma, list->len - comma};
    list->len = comma > 0 ? comma - 1 : 0;
    return last;
}

/* From the nearest hop outwards, as long as each hop is one that we trust to have told the truth.
 */
static void walk_forwarded_for(const struct px_exchange *exchange, struct tn_str list,
                               struct sockaddr_storage *address)
{
    const struct px_snapshot *snapshot = exchange->rules->snapshot;

    while (list.len > 0) {
        struct sockaddr_storage hop;

        if (!parse_address(pop_last(&list), &hop))
            return;
        *address = hop;
        if (!px_prefixes_contain(snapshot->trusted, snapshot->trusted_count,
                                 (const struct sockaddr *)&hop))
            return;
    }
}

/* By hand, once per request: inet_ntop() goes through snprintf() and costs more than the routing.
 */
static size_t write_ipv4(char *out, const unsigned char *bytes)
{
    char *at = out;

    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        if (bytes[i] >= 100)
            *at++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10)
            *at++ = (char)('0' + bytes[i] / 10 % 10);
        *at++ = (char)('0' + bytes[i] % 10);
    }
    return (size_t)(at - out);
}

static uint8_t write_text(char *out, const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        return (uint8_t)write_ipv4(out, (const unsigned char *)&v4->sin_addr);
    }
    if (!inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, out,
                   PX_ADDRESS_BYTES))
        return 0;
    return (uint8_t)strlen(out);
}

void px_peer_resolve(struct px_exchange *exchange, struct sockaddr_storage *ret_address)
{
    struct px_client *client = exchange->client;
    const struct px_snapshot *snapshot = exchange->rules->snapshot;
    const struct tn_http_head *head = &exchange->request;

    address_of(&client->address, ret_address);
    exchange->peer_text_len = write_text(exchange->peer_text, ret_address);
    client->is_trusted = snapshot->trusted_count > 0 &&
                         px_prefixes_contain(snapshot->trusted, snapshot->trusted_count,
                                             (const struct sockaddr *)ret_address);
    if (!client->is_trusted) {
        memcpy(exchange->client_text, exchange->peer_text, exchange->peer_text_len);
        exchange->client_text_len = exchange->peer_text_len;
        return;
    }
    /* Several fields are one list (RFC 9110 5.3): the last field holds the nearest hops. */
    for (uint32_t i = head->field_count; i > 0; i--) {
        if (head->fields[i - 1].id != TN_HTTP_FIELD_X_FORWARDED_FOR)
            continue;
        walk_forwarded_for(exchange, tn_http_view(head, head->fields[i - 1].value), ret_address);
        break;
    }
    exchange->client_text_len = write_text(exchange->client_text, ret_address);
}
