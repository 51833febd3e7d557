#include "proxy/session/exchange.h"

#include <string.h>

#define REFUSALS_MAX 64 /* clients over the cap that are answered at a time */

struct tn_stream *px_session_accept(struct px_session *session, int family, bool proxy_protocol)
{
    struct px_client *client;

    bool is_full = px_session_is_memory_full(session);

    if (session->client_count >= session->client_max)
        session->stats->client_refused++;
    else if (is_full)
        session->stats->memory_refused++;
    if (session->client_count >= session->client_max + REFUSALS_MAX)
        return NULL; /* not even a word: they are too many */
    client = px_client_new(session, family);
    if (!client)
        return NULL;
    client->is_refused = is_full || session->client_count > session->client_max;
    client->expects_proxy_header = proxy_protocol && !client->is_refused;
    return &client->stream;
}

void px_session_accept_failed(struct px_session *session, struct tn_stream *stream)
{
    (void)session;
    tn_stream_close(stream);
}

static void remember_address(struct px_client *client)
{
    struct sockaddr_storage peer;

    if (tn_stream_peer(&client->stream, &peer) != 0)
        return; /* gone already: the first read will tell */
    if (peer.ss_family == AF_INET6) {
        client->address = ((const struct sockaddr_in6 *)&peer)->sin6_addr;
        return;
    }
    client->address.s6_addr[10] = 0xff;
    client->address.s6_addr[11] = 0xff;
    memcpy(&client->address.s6_addr[12], &((const struct sockaddr_in *)&peer)->sin_addr, 4);
}

void px_session_accepted(struct px_session *session, struct tn_stream *stream)
{
    struct px_client *client = TN_CONTAINER_OF(stream, struct px_client, stream);

    remember_address(client);
    tn_list_push_back(&session->clients, &client->node);
    session->stats->client_connections++;
    session->stats->client_connections_total++;
    px_client_set_deadline(client, session->limits->client_head_ms);
    if (tn_stream_start(stream) != 0)
        px_client_close(client);
    else if (client->is_refused)
        px_answer_refused(client);
}
