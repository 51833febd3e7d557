#include "proxy/config/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

/* "1.2.3.4" or "::1" (no brackets) into sa; 0 is the port. */
bool px_parse_host(struct tn_str host, struct sockaddr_storage *ret_sa)
{
    char text[INET6_ADDRSTRLEN + 1];
    if (host.len == 0 || host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    *ret_sa = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(ret_sa, &v4, sizeof(v4));
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(ret_sa, &v6, sizeof(v6));
        return true;
    }
    return false;
}

static void set_port(struct sockaddr_storage *sa, uint16_t port)
{
    /* sin_port and sin6_port lie at the same place, but saying so needs both */
    if (sa->ss_family == AF_INET) {
        ((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
    }
}

/* Splits at the last ':'; brackets around an IPv6 address are required, and removed. */
static bool split(struct tn_str text, struct tn_str *ret_host, struct tn_str *ret_port)
{
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
    if (!colon) {
        return false;
    }
    *ret_host = (struct tn_str){text.ptr, (size_t)(colon - text.ptr)};
    *ret_port = (struct tn_str){colon + 1, text.len - ret_host->len - 1};
    bool has_colon = ret_host->len > 0 && memchr(ret_host->ptr, ':', ret_host->len);
    bool has_brackets = ret_host->len > 2 && ret_host->ptr[0] == '[' && colon[-1] == ']';
    if (has_brackets) {
        ret_host->ptr++;
        ret_host->len -= 2;
        return memchr(ret_host->ptr, ':', ret_host->len) != NULL;
    }
    return !has_colon;
}

/* What is wrong with a text that is no address, and what it should have been if that is plain. */
static void explain(struct tn_str text, uint16_t port_min, struct px_text *what,
                    struct px_text *suggestion)
{
    struct tn_str host = {0};
    struct tn_str port = {0};
    struct sockaddr_storage sa;
    unsigned long long number;
    const char *scheme = text.len > 0 ? strstr(text.ptr, "://") : NULL;
    if (text.len > 0 && px_parse_host(text, &sa)) {
        px_text_add(what, "an address with a port, such as 127.0.0.1:8080 or [::1]:8080");
    } else if (scheme) {
        px_text_add(what, "an address without scheme and path");
    } else if (text.len > 1 && text.ptr[0] == ':' &&
               tn_str_parse_u64((struct tn_str){text.ptr + 1, text.len - 1}, 65535, &number) == 0) {
        px_text_add(suggestion, "%s%llu", port_min == 0 ? "0.0.0.0:" : "127.0.0.1:", number);
    } else if (!split(text, &host, &port)) {
        return;
    } else if (tn_str_parse_u64(port, 65535, &number) < 0 || number < port_min) {
        px_text_add(what, "a port from %u to 65535", port_min);
    } else if (strspn(host.ptr, "0123456789.") == host.len) {
        px_text_add(what, "an IPv4 address of four numbers from 0 to 255");
    } else if (memchr(host.ptr, '%', host.len)) {
        px_text_add(what, "an address without a zone ('%%')");
    } else {
        px_text_add(what, "a numeric address (names are not resolved)");
        if (tn_str_equal(host, TN_STR("localhost"))) {
            px_text_add(suggestion, "127.0.0.1:%llu", number);
        }
    }
}

static void refuse(struct px_parser *parser, const struct px_node *node, uint16_t port_min)
{
    struct px_text what = {0};
    struct px_text suggestion = {0};
    if (node->kind == PX_NODE_SCALAR) {
        explain(node->text, port_min, &what, &suggestion);
    }
    if (what.len == 0) {
        px_text_add(&what, "an address such as 127.0.0.1:8080 or [::1]:8080");
    }
    px_expected(parser, node, what.bytes, suggestion.len > 0 ? suggestion.bytes : NULL);
}

bool px_parse_address(struct px_parser *parser, const struct px_node *node, uint16_t port_min,
                      struct px_address *target)
{
    struct tn_str host;
    struct tn_str port;
    struct sockaddr_storage sa;
    unsigned long long number;
    if (node->kind != PX_NODE_SCALAR || !split(node->text, &host, &port) ||
        !px_parse_host(host, &sa) || tn_str_parse_u64(port, 65535, &number) < 0 ||
        number < port_min) {
        refuse(parser, node, port_min);
        return false;
    }
    char *copy = px_parser_dup(parser, node->text);
    if (!copy) {
        return false;
    }
    set_port(&sa, (uint16_t)number);
    free(target->text);
    *target = (struct px_address){.text = copy, .sa = sa};
    return true;
}
