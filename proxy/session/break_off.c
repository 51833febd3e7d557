#include "proxy/session/exchange.h"

void px_session_stop(struct px_session *session)
{
    session->is_stopping = true;
    if (session->client_count == 0)
        session->on_empty(session);
}

uint32_t px_session_abort_all(struct px_session *session)
{
    uint32_t broken_off = 0;

    /* Closing is asynchronous: no node leaves the list before the loop turns. */
    for (struct tn_list *node = session->clients.next; node != &session->clients;
         node = node->next) {
        struct px_client *client = TN_CONTAINER_OF(node, struct px_client, node);

        if (client->exchange) {
            broken_off += !client->exchange->is_tunnel;
            px_exchange_abandon(client->exchange, PX_FAILURE_STOPPED);
        }
        px_client_close(client);
    }
    return broken_off;
}

static bool is_meant(const struct px_exchange *exchange, const struct px_selection *selection)
{
    const struct px_decision *decision = &exchange->decision;
    const struct px_snapshot_version *version;

    if (!exchange->rule || decision->version == STRATEGY_NONE ||
        decision->endpoint == STRATEGY_NONE)
        return false;
    version = &exchange->rules->snapshot->versions[decision->version];
    return px_selection_has(selection, version, version->endpoints[decision->endpoint],
                            exchange->is_tunnel);
}

uint32_t px_session_break_off(struct px_session *session, const struct px_selection *selection)
{
    struct tn_list *node;
    uint32_t count = 0;

    TN_LIST_FOR_EACH (node, &session->clients) {
        struct px_client *client = TN_CONTAINER_OF(node, struct px_client, node);

        if (!client->exchange || !is_meant(client->exchange, selection))
            continue;
        count++;
        px_exchange_fail(client->exchange, PX_FAILURE_CUT);
    }
    return count;
}
