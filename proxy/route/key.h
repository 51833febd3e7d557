/*
 * key: the 64-bit hash that a user is known by.
 *
 * Not for our own cookie's text (cookie.h).
 * Shapes: XXH3 with the rule's seed over a header's value, the service's own cookie's value, the
 * client's address (4 or 16 bytes, no port; IPv4-mapped IPv6 counts as IPv4), or our id.
 * Errors: no key (not given, given twice, empty): the request takes a slot. Threads: any.
 */
#ifndef PX_ROUTE_KEY_H
#define PX_ROUTE_KEY_H

#include "proxy/route/route.h"

#define PX_ID_BYTES 16

/* For sticky by header, own cookie and client_ip. */
bool px_key_find(const struct px_sticky *sticky, uint64_t seed,
                 const struct px_route_request *request, uint64_t *ret_key);

bool px_key_of_client(const struct sockaddr *client, uint64_t seed, uint64_t *ret_key);

/*
 * The key of one of our ids: its second half, little-endian, joined with the hash of the first. So
 * an id can be made for a key (px_key_id) instead of searched for.
 */
uint64_t px_key_of_id(const uint8_t id[PX_ID_BYTES], uint64_t seed);

/* The id with this key whose first half is `first`. */
void px_key_id(uint64_t key, uint64_t first, uint64_t seed, uint8_t ret_id[PX_ID_BYTES]);

#endif
