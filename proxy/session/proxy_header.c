#include "lib/http/proxy_protocol.h"
#include "proxy/session/exchange.h"

#include <errno.h>

void px_client_read_proxy_header(struct px_client *client, const char *data, size_t len)
{
    struct tn_proxy_header header;
    int error;

    if (!px_client_hold(client, data, len)) {
        px_client_close(client);
        return;
    }
    error = tn_proxy_header_parse((struct tn_str){client->pending, client->pending_len}, &header);
    if (error == -EAGAIN)
        return; /* the deadline of a head bounds the wait */
    if (error) {
        px_client_close(
            client); /* without an answer: whoever this is does not speak HTTP to us yet */
        return;
    }
    client->expects_proxy_header = false;
    if (header.has_address)
        client->address = header.address;
    px_client_drop(client, header.len);
    px_client_continue(client);
}
