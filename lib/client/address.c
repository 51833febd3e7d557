#include "lib/client/address.h"

#include "lib/base/str.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of an address on TCP: "127.0.0.1:9091", with or without what may be in front or behind. */
static struct tn_str bare(const char *text, bool *ret_is_tcp)
{
    static const char *const schemes[] = {"tcp:", "http://"};
    struct tn_str rest = tn_str_of(text);

    *ret_is_tcp = false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct tn_str scheme = tn_str_of(schemes[i]);

        if (!tn_str_has_prefix(rest, scheme))
            continue;
        *ret_is_tcp = true;
        rest = (struct tn_str){rest.ptr + scheme.len, rest.len - scheme.len};
        if (i == 1 && rest.len > 0 && rest.ptr[rest.len - 1] == '/')
            rest.len--;
        break;
    }
    return rest;
}

/* "HOST:PORT" with a port; brackets around an IPv6 address are taken off. */
static bool split(struct tn_str text, char host[INET6_ADDRSTRLEN], unsigned long long *ret_port)
{
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
    size_t len = colon ? (size_t)(colon - text.ptr) : 0;
    bool has_brackets = len > 2 && text.ptr[0] == '[' && text.ptr[len - 1] == ']';

    if (!colon || len == 0 || len >= INET6_ADDRSTRLEN ||
        tn_str_parse_u64((struct tn_str){colon + 1, text.len - len - 1}, 65535, ret_port) != 0)
        return false;
    snprintf(host, INET6_ADDRSTRLEN, "%.*s", (int)(has_brackets ? len - 2 : len),
             has_brackets ? text.ptr + 1 : text.ptr);
    return true;
}

static int parse_tcp(const char *host, uint16_t port, struct tn_client_address *ret_address)
{
    struct tn_client_address address = {.len = sizeof(address.v4), .is_tcp = true};

    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    address.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
        if (ntohl(address.v4.sin_addr.s_addr) >> 24 != 127)
            return -EADDRNOTAVAIL;
    } else {
        address.len = sizeof(address.v6);
        address.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) != 1 ||
            !IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr))
            return -EADDRNOTAVAIL;
    }
    *ret_address = address;
    return 0;
}

static int parse_unix(const char *path, struct tn_client_address *ret_address)
{
    size_t len = strlen(path);

    if (len == 0)
        return -EINVAL;
    if (len >= sizeof(ret_address->un.sun_path))
        return -ENAMETOOLONG;
    *ret_address =
        (struct tn_client_address){.un = {.sun_family = AF_UNIX}, .len = sizeof(ret_address->un)};
    memcpy(ret_address->un.sun_path, path, len + 1);
    return 0;
}

int tn_client_address_parse(const char *text, struct tn_client_address *ret_address)
{
    char host[INET6_ADDRSTRLEN];
    unsigned long long port;
    struct tn_str rest;
    bool is_tcp;

    assert(text);
    if (tn_str_has_prefix(tn_str_of(text), TN_STR("unix:")))
        return parse_unix(text + strlen("unix:"), ret_address);
    if (tn_str_has_prefix(tn_str_of(text), TN_STR("https://")))
        return -EPROTONOSUPPORT;
    rest = bare(text, &is_tcp);
    /* a path may end like a port does: what has a '/' is none */
    if ((is_tcp || !strchr(text, '/')) && split(rest, host, &port) && port > 0)
        return parse_tcp(host, (uint16_t)port, ret_address);
    if (is_tcp || !strchr(text, '/'))
        return -EINVAL;
    return parse_unix(text, ret_address);
}

size_t tn_client_places(const char *option, const char *environment,
                        struct tn_client_place places[TN_CLIENT_PLACES_MAX])
{
    if (option && option[0]) {
        places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_OPTION, option};
        return 1;
    }
    if (environment && environment[0]) {
        places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_ENVIRONMENT, environment};
        return 1;
    }
    places[0] = (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, "./turnout.sock"};
    places[1] = (struct tn_client_place){TN_CLIENT_ORIGIN_DEFAULT, "/run/turnout/turnout.sock"};
    return 2;
}
