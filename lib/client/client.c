#include "lib/client/client.h"

#include "lib/client/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AGAIN_PAUSE_MS 50

void tn_client_init(struct tn_client *client, const char *option, const char *environment,
                    const struct tn_clock *clock)
{
    *client = (struct tn_client){.timeout_ms = TN_CLIENT_TIMEOUT_MS, .clock = clock};
    client->place_count = tn_client_places(option, environment, client->places);
}

static int connect_to(struct tn_client *client, const char *text, uint64_t deadline_ns, int *ret_fd)
{
    struct tn_client_address address;
    int r = tn_client_address_parse(text, &address);

    if (r < 0)
        return r;
    client->is_tcp = address.is_tcp;
    if (address.is_tcp && !client->token)
        return -ENOKEY;
    int fd = socket(address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    do {
        r = tn_client_arm(client, fd, deadline_ns);
        if (r == 0 && connect(fd, &address.sa, address.len) < 0)
            r = -errno;
    } while (r == -EINTR);
    if (r < 0) {
        close(fd);
        /* A full backlog that nobody empties. */
        return r == -EAGAIN ? -ETIMEDOUT : r;
    }
    *ret_fd = fd;
    return 0;
}

int tn_client_connect(struct tn_client *client, uint64_t deadline_ns, int *ret_fd)
{
    int r = -ENOENT;

    client->protocol_error = NULL;
    for (size_t i = 0; i < client->place_count && r == -ENOENT; i++) {
        client->place = i;
        r = connect_to(client, client->places[i].text, deadline_ns, ret_fd);
    }
    return r;
}

static int call_once(struct tn_client *client, const struct tn_client_request *request,
                     struct tn_client_answer *ret_answer)
{
    uint64_t deadline_ns =
        client->clock->monotonic_ns(client->clock->context) + client->timeout_ms * 1000000;
    int fd = -1;
    int r = tn_client_connect(client, deadline_ns, &fd);

    if (r < 0)
        return r;
    r = tn_client_exchange(client, fd, deadline_ns, request, ret_answer);
    close(fd);
    return r;
}

int tn_client_call(struct tn_client *client, const struct tn_client_request *request,
                   struct tn_client_answer *ret_answer)
{
    const struct timespec pause = {.tv_nsec = AGAIN_PAUSE_MS * 1000000};
    unsigned left = TN_CLIENT_AGAIN_MS / AGAIN_PAUSE_MS;
    int r = call_once(client, request, ret_answer);

    while (r == 0 && ret_answer->status == 503 && ret_answer->is_again && left-- > 0) {
        tn_client_answer_deinit(ret_answer);
        nanosleep(&pause, NULL);
        r = call_once(client, request, ret_answer);
    }
    return r;
}

void tn_client_answer_deinit(struct tn_client_answer *answer)
{
    free(answer->body);
    *answer = (struct tn_client_answer){0};
}
