#include "proxy/route/key.h"

#include "proxy/route/match.h"

#include <netinet/in.h>
#include <xxhash.h>

static uint64_t load_u64(const uint8_t bytes[8])
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void store_u64(uint64_t value, uint8_t ret_bytes[8])
{
    for (int i = 0; i < 8; i++)
        ret_bytes[i] = (uint8_t)(value >> (8 * i));
}

uint64_t px_key_of_id(const uint8_t id[PX_ID_BYTES], uint64_t seed)
{
    return load_u64(id + 8) ^ XXH3_64bits_withSeed(id, 8, seed);
}

void px_key_id(uint64_t key, uint64_t first, uint64_t seed, uint8_t ret_id[PX_ID_BYTES])
{
    store_u64(first, ret_id);
    store_u64(key ^ XXH3_64bits_withSeed(ret_id, 8, seed), ret_id + 8);
}

bool px_key_of_client(const struct sockaddr *client, uint64_t seed, uint64_t *ret_key)
{
    if (client && client->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)client;

        *ret_key = XXH3_64bits_withSeed(&in->sin_addr, 4, seed);
        return true;
    }
    if (client && client->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)client;
        const uint8_t *bytes = in6->sin6_addr.s6_addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

        *ret_key = XXH3_64bits_withSeed(is_mapped ? bytes + 12 : bytes, is_mapped ? 4 : 16, seed);
        return true;
    }
    return false;
}

bool px_key_find(const struct px_sticky *sticky, uint64_t seed,
                 const struct px_route_request *request, uint64_t *ret_key)
{
    struct tn_str value = {"", 0};

    switch (sticky->by) {
    case PX_STICKY_HEADER:
        if (!px_match_find_header(request->head, tn_str_of(sticky->name), &value))
            return false;
        break;
    case PX_STICKY_OWN_COOKIE:
        if (tn_http_find_cookie(request->head, tn_str_of(sticky->name), &value) != 1)
            return false;
        break;
    case PX_STICKY_CLIENT_IP:
        return px_key_of_client(request->client, seed, ret_key);
    case PX_STICKY_COOKIE:
    case PX_STICKY_NONE:
        return false;
    }
    if (value.len == 0)
        return false;
    *ret_key = XXH3_64bits_withSeed(value.ptr, value.len, seed);
    return true;
}
