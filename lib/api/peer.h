/*
 * peer: who is at the other end of an admin connection, as far as that is proven.
 *
 * Not what a client says about itself (the author of a change). Shapes: TN_API_PEER_USER came over
 * a Unix socket: ids by the kernel's word. TN_API_PEER_TOKEN came over TCP and showed a token: its
 * name in the token file, and the address. TN_API_PEER_NONE: a listener that asks nobody. `name` is
 * for people and never empty: the user's, else "uid 1000"; the token's; "anybody". Errors: none.
 * Ownership: a copy in each call. Threads: the loop's.
 */
#ifndef TN_API_PEER_H
#define TN_API_PEER_H

#include "lib/net/stream.h"

#define TN_API_PEER_NAME_SIZE 64
#define TN_API_PEER_ADDRESS_SIZE 64

enum tn_api_peer_kind { TN_API_PEER_NONE, TN_API_PEER_USER, TN_API_PEER_TOKEN };

struct tn_api_peer {
    enum tn_api_peer_kind kind;
    char name[TN_API_PEER_NAME_SIZE];
    struct tn_credentials user;             /* of a user */
    char address[TN_API_PEER_ADDRESS_SIZE]; /* of a token: "127.0.0.1:50514" */
};

#endif
