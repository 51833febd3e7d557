#include "proxy/admin/resources.h"

#include <unistd.h>

/* Whoever gets our sockets can do all that we can: nobody but ourselves and root. */
static bool is_one_of_us(const struct tn_api_peer *peer)
{
    return peer->kind == TN_API_PEER_USER && (peer->user.uid == 0 || peer->user.uid == geteuid());
}

void px_admin_post_takeover(struct tn_api_call *call, void *context)
{
    const struct px_admin *admin = context;
    json_t *body;

    if (!is_one_of_us(call->peer)) {
        tn_api_problem(call, 403,
                       "only a process of the same user, or of root, can take over, and only over "
                       "the Unix socket");
        return;
    }
    body = tn_api_body_json(call);
    if (!body)
        return;
    if (admin->on_takeover)
        admin->on_takeover(admin->on_takeover_context, call, body);
    else
        tn_api_problem(call, 503, "turnout is starting");
    json_decref(body);
}
