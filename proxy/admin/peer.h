/*
 * peer: the verified peer of a change, as records, answers and logs have it.
 *
 * Not the author, whom the client claims. Shape: {"kind": "user", "name", "uid", "gid", "pid"} came
 * over the Unix socket; {"kind": "token", "name", "address"} showed a token; {"kind": "turnout",
 * "name"}: nobody asked for it, it is turnout's own doing (start, guard, drain, a signal).
 * Errors: NULL: no memory. Ownership: new references. Threads: control.
 */
#ifndef PX_ADMIN_PEER_H
#define PX_ADMIN_PEER_H

#include "lib/api/peer.h"

#include <jansson.h>

json_t *px_peer_json(const struct tn_api_peer *peer);

/* Turnout's own doing. */
json_t *px_peer_own(const char *name);

/* For a line of log: "lena (uid 1000) as ann", where ann is claimed; the peer alone without an
 * author or when it is the same; the author alone of what nobody asked for. peer may be NULL.
 * Returns text.
 */
#define PX_PEER_TEXT_SIZE 320
const char *px_peer_text(const char *author, const json_t *peer, char text[PX_PEER_TEXT_SIZE]);

#endif
