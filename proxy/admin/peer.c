#include "proxy/admin/peer.h"

#include <stdio.h>
#include <string.h>

json_t *px_peer_json(const struct tn_api_peer *peer)
{
    if (peer->kind == TN_API_PEER_USER)
        return json_pack("{s:s, s:s, s:I, s:I, s:I}", "kind", "user", "name", peer->name, "uid",
                         (json_int_t)peer->user.uid, "gid", (json_int_t)peer->user.gid, "pid",
                         (json_int_t)peer->user.pid);
    return json_pack("{s:s, s:s, s:s}", "kind", "token", "name", peer->name, "address",
                     peer->address);
}

json_t *px_peer_own(const char *name)
{
    return json_pack("{s:s, s:s}", "kind", "turnout", "name", name);
}

static void put_peer(const json_t *peer, char *text, size_t size)
{
    const char *kind = json_string_value(json_object_get(peer, "kind"));
    const char *name = json_string_value(json_object_get(peer, "name"));

    if (!kind || !name)
        snprintf(text, size, "somebody");
    else if (strcmp(kind, "token") == 0)
        snprintf(text, size, "token %s", name);
    else if (strncmp(name, "uid ", 4) == 0)
        snprintf(text, size, "%s", name);
    else
        snprintf(text, size, "%s (uid %lld)", name,
                 json_integer_value(json_object_get(peer, "uid")));
}

const char *px_peer_text(const char *author, const json_t *peer, char text[PX_PEER_TEXT_SIZE])
{
    const char *name = json_string_value(json_object_get(peer, "name"));
    char verified[PX_PEER_TEXT_SIZE / 2];

    put_peer(peer, verified, sizeof(verified));
    /* what is proven comes first: the claim may be written like it */
    if (author && peer && (!name || strcmp(author, name) != 0))
        snprintf(text, PX_PEER_TEXT_SIZE, "%s as %.128s", verified, author);
    else
        snprintf(text, PX_PEER_TEXT_SIZE, "%.128s", author && !peer ? author : verified);
    return text;
}
