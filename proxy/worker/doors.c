#include "proxy/worker/doors.h"

#include "lib/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- opening -----------------------------------------------------------------------------------
 */

static const struct tn_listener_ops listener_ops;

static int fail(char **ret_why, const char *address, int error)
{
    if (*ret_why)
        return error;
    if (asprintf(ret_why, "cannot listen on %s: %s", address, strerror(-error)) < 0)
        *ret_why = NULL;
    return error;
}

static void on_closing(struct tn_deadline *deadline)
{
    tn_listener_close(&TN_CONTAINER_OF(deadline, struct px_door, closing)->listener);
}

/* The socket is taken over in any case. */
static int add_door(struct px_data_loop *loop, const struct px_listen *listen, int fd,
                    struct tn_list *list)
{
    struct px_door *door = calloc(1, sizeof(*door));
    int error = -ENOMEM;

    if (!door) {
        close(fd);
        return error;
    }
    tn_list_init(&door->loop_node);
    tn_deadline_init(&door->closing, on_closing);
    door->loop = loop;
    door->fd = fd;
    door->listener.fd = fd;
    door->proxy_protocol = door->next_proxy_protocol = listen->proxy_protocol;
    door->text = strdup(listen->address.text);
    if (door->text) {
        socklen_t len = sizeof(door->address);

        error = getsockname(fd, (struct sockaddr *)&door->address, &len) == 0 ? 0 : -errno;
    }
    if (error) {
        close(fd);
        free(door->text);
        free(door);
        return error;
    }
    tn_list_push_back(list, &door->node);
    return 0;
}

static in_port_t port_of(const struct sockaddr_storage *sa)
{
    /* at the same place in both families */
    return ((const struct sockaddr_in *)(const void *)sa)->sin_port;
}

static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *v4[] = {(const void *)a, (const void *)b};
    const struct sockaddr_in6 *v6[] = {(const void *)a, (const void *)b};

    if (a->ss_family != b->ss_family || port_of(a) != port_of(b))
        return false;
    if (a->ss_family == AF_INET)
        return v4[0]->sin_addr.s_addr == v4[1]->sin_addr.s_addr;
    return memcmp(&v6[0]->sin6_addr, &v6[1]->sin6_addr, sizeof(v6[0]->sin6_addr)) == 0 &&
           v6[0]->sin6_scope_id == v6[1]->sin6_scope_id;
}

/* Every socket of that address that another process passed on: what is queued on it must not be
 * lost. They go round the loops. ret_count: how many there were. */
static int take_passed(struct px_workers *workers, const struct px_listen *listen,
                       struct tn_list *list, uint32_t *ret_count)
{
    const struct px_workers_options *options = &workers->options;

    for (uint32_t i = 0; i < options->socket_count; i++) {
        struct px_socket *socket = &options->sockets[i];
        int error;
        int fd;

        if (socket->is_taken || (strcmp(socket->text, listen->address.text) != 0 &&
                                 !is_same_address(&socket->address, &listen->address.sa)))
            continue;
        socket->is_taken = true;
        fd = socket->fd;
        socket->fd = -1;
        error = add_door(&workers->loops[*ret_count % workers->loop_count], listen, fd, list);
        if (error)
            return error;
        ++*ret_count;
    }
    return 0;
}

/* By us, or by whoever passed sockets on and shares the port with us for a while; perhaps at
 * another address. */
static bool is_port_ours(const struct px_workers *workers, const struct sockaddr_storage *sa)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors) {
        if (port_of(&TN_CONTAINER_OF(node, struct px_door, node)->address) == port_of(sa))
            return true;
    }
    for (uint32_t i = 0; i < workers->options.socket_count; i++) {
        if (port_of(&workers->options.sockets[i].address) == port_of(sa))
            return true;
    }
    return false;
}

static const struct px_door *last_of(const struct tn_list *list)
{
    return TN_CONTAINER_OF(list->prev, struct px_door, node);
}

int px_doors_open(struct px_workers *workers, const struct px_listen *listen, struct tn_list *list,
                  char **ret_why)
{
    struct sockaddr_storage sa = listen->address.sa;
    uint32_t count = 0;
    int error = take_passed(workers, listen, list, &count);

    /* A second process would otherwise share the port without a word. */
    if (!error && count == 0 && !is_port_ours(workers, &sa))
        error = tn_listener_probe((const struct sockaddr *)&sa);
    for (uint32_t i = count; !error && i < workers->loop_count; i++) {
        int fd;

        /* port 0 is chosen once; the others share what it got */
        if (i > 0)
            sa = last_of(list)->address;
        error = tn_listener_bind_tcp((const struct sockaddr *)&sa, true, &fd);
        if (!error)
            error = add_door(&workers->loops[i], listen, fd, list);
    }
    return error ? fail(ret_why, listen->address.text, error) : 0;
}

int px_door_hold(struct px_door *door)
{
    int error = tn_listener_hold(&door->listener, &door->loop->loop, door->fd, NULL, &listener_ops);

    if (!error)
        tn_list_push_back(&door->loop->doors, &door->loop_node);
    else
        door->fd = -1;
    return error;
}

int px_doors_start_all(struct px_workers *workers, char **ret_why)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors) {
        struct px_door *door = TN_CONTAINER_OF(node, struct px_door, node);
        int error = px_door_hold(door);

        if (!error && !workers->options.is_held)
            error = tn_listener_start(&door->listener);
        if (error)
            return fail(ret_why, door->text, error);
    }
    return 0;
}

void px_doors_free(struct tn_list *list)
{
    while (!tn_list_is_empty(list)) {
        struct px_door *door = TN_CONTAINER_OF(list->next, struct px_door, node);

        tn_list_remove(&door->node);
        if (door->fd >= 0 && !door->listener.ops)
            close(door->fd); /* no loop ever had it */
        free(door->text);
        free(door);
    }
}

/* --- on the loop's thread ----------------------------------------------------------------------
 */

bool px_doors_refuse(struct px_data_loop *loop)
{
    bool is_any_left = false;
    struct tn_list *node;
    struct tn_list *next;

    for (node = loop->doors.next; node != &loop->doors; node = next) {
        struct px_door *door = TN_CONTAINER_OF(node, struct px_door, loop_node);

        next = node->next;
        if (door->is_given) {
            tn_listener_release(&door->listener);
            continue;
        }
        is_any_left = true;
        tn_listener_refuse_new(&door->listener);
    }
    return is_any_left;
}

void px_doors_close(struct px_data_loop *loop)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &loop->doors)
        tn_listener_close(&TN_CONTAINER_OF(node, struct px_door, loop_node)->listener);
}

/* --- what comes through ------------------------------------------------------------------------
 */

static void on_closed_mail(struct tn_mail *mail)
{
    struct px_door *door = TN_CONTAINER_OF(mail, struct px_door, mail);

    tn_list_remove(&door->node);
    free(door->text);
    free(door);
}

static void on_listener_closed(struct tn_listener *listener)
{
    struct px_door *door = TN_CONTAINER_OF(listener, struct px_door, listener);

    tn_list_remove(&door->loop_node);
    tn_deadline_clear(&door->loop->loop, &door->closing);
    if (!door->is_closing)
        return; /* it goes with its loop */
    door->mail.run = on_closed_mail;
    tn_mailbox_post(&door->loop->workers->control, &door->mail);
}

static struct tn_stream *on_accept(struct tn_listener *listener)
{
    struct px_door *door = TN_CONTAINER_OF(listener, struct px_door, listener);

    return px_session_accept(&door->loop->session, AF_INET, door->proxy_protocol);
}

static void on_accepted(struct tn_listener *listener, struct tn_stream *stream)
{
    struct px_door *door = TN_CONTAINER_OF(listener, struct px_door, listener);

    px_session_accepted(&door->loop->session, stream);
}

static void on_accept_failed(struct tn_listener *listener, struct tn_stream *stream, int error)
{
    struct px_door *door = TN_CONTAINER_OF(listener, struct px_door, listener);

    (void)error;
    px_session_accept_failed(&door->loop->session, stream);
}

/* Whoever waits in the kernel's queue comes before connections that nobody uses. */
static void on_starved(struct tn_listener *listener, int error)
{
    struct px_door *door = TN_CONTAINER_OF(listener, struct px_door, listener);

    (void)error;
    door->loop->stats->accept_failures++;
    px_pool_shed_idle(door->loop->pool);
}

static const struct tn_listener_ops listener_ops = {
    .on_accept = on_accept,
    .on_accepted = on_accepted,
    .on_failed = on_accept_failed,
    .on_starved = on_starved,
    .on_closed = on_listener_closed,
};
