/* The doors of a running process: opened and closed by a change, passed on to the next process. */
#include "proxy/worker/doors.h"

#include "lib/base/log.h"

#include <errno.h>
#include <string.h>

/* --- a change ----------------------------------------------------------------------------------
 */

static struct px_door *find(const struct px_workers *workers, const char *text)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors) {
        struct px_door *door = TN_CONTAINER_OF(node, struct px_door, node);

        if (!door->is_closing && strcmp(door->text, text) == 0)
            return door;
    }
    return NULL;
}

int px_workers_bind(struct px_workers *workers, const struct px_config *config, char **ret_why)
{
    int error = 0;

    *ret_why = NULL;
    for (uint32_t i = 0; i < config->listen_count && !error; i++) {
        if (!find(workers, config->listens[i].address.text))
            error = px_doors_open(workers, &config->listens[i], &workers->new_doors, ret_why);
    }
    if (!error && (strcmp(config->access_log ? config->access_log : "",
                          workers->config->access_log ? workers->config->access_log : "") != 0 ||
                   config->log_format != workers->config->log_format))
        error = px_logs_open(workers, config, ret_why);
    if (error)
        px_workers_unbind(workers);
    return error;
}

void px_workers_unbind(struct px_workers *workers)
{
    px_doors_free(&workers->new_doors);
    px_logs_drop(workers);
}

static void open_on_loop(struct tn_mail *mail)
{
    struct px_door *door = TN_CONTAINER_OF(mail, struct px_door, mail);
    int error = door->loop->stop_step == 0 ? px_door_hold(door) : -ECANCELED;

    if (!error)
        error = tn_listener_start(&door->listener);
    if (error && error != -ECANCELED)
        tn_log(TN_LOG_ERROR, "server", "cannot listen on %s: %s", door->text, strerror(-error));
}

static void start_on_loop(struct tn_mail *mail)
{
    struct px_door *door = TN_CONTAINER_OF(mail, struct px_door, mail);
    int error = tn_listener_start(&door->listener);

    if (error)
        tn_log(TN_LOG_ERROR, "server", "cannot listen on %s: %s", door->text, strerror(-error));
}

static void close_on_loop(struct tn_mail *mail)
{
    struct px_door *door = TN_CONTAINER_OF(mail, struct px_door, mail);

    if (!door->listener.is_open || door->loop->stop_step > 0)
        return;
    tn_listener_refuse_new(&door->listener);
    tn_deadline_after(&door->loop->loop, &door->closing, PX_DOOR_REFUSE_MS);
}

static void set_on_loop(struct tn_mail *mail)
{
    struct px_door *door = TN_CONTAINER_OF(mail, struct px_door, mail);

    door->proxy_protocol = door->next_proxy_protocol;
}

static void send_to_loop(struct px_door *door, tn_mail_fn *run)
{
    door->mail.run = run;
    tn_mailbox_post(&door->loop->mailbox, &door->mail); /* a loop that ended has closed it */
}

static const struct px_listen *wanted(const struct px_config *config, const char *text)
{
    for (uint32_t i = 0; i < config->listen_count; i++) {
        if (strcmp(config->listens[i].address.text, text) == 0)
            return &config->listens[i];
    }
    return NULL;
}

void px_workers_listen(struct px_workers *workers, struct px_config *config)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors) {
        struct px_door *door = TN_CONTAINER_OF(node, struct px_door, node);
        const struct px_listen *listen = wanted(config, door->text);

        if (door->is_closing)
            continue;
        if (!listen) {
            door->is_closing = true;
            send_to_loop(door, close_on_loop);
        } else if (listen->proxy_protocol != door->next_proxy_protocol) {
            door->next_proxy_protocol = listen->proxy_protocol;
            send_to_loop(door, set_on_loop);
        }
    }
    while (!tn_list_is_empty(&workers->new_doors)) {
        struct px_door *door = TN_CONTAINER_OF(workers->new_doors.next, struct px_door, node);

        tn_list_remove(&door->node);
        tn_list_push_back(&workers->doors, &door->node);
        send_to_loop(door, open_on_loop);
    }
    px_logs_switch(workers);
    px_config_free(workers->config);
    workers->config = px_config_ref(config);
}

/* --- passing on --------------------------------------------------------------------------------
 */

void px_workers_start_listening(struct px_workers *workers)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors)
        send_to_loop(TN_CONTAINER_OF(node, struct px_door, node), start_on_loop);
}

bool px_workers_socket(const struct px_workers *workers, uint32_t i, struct px_socket *ret_socket)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors) {
        struct px_door *door = TN_CONTAINER_OF(node, struct px_door, node);

        if (door->is_closing || i-- > 0)
            continue;
        *ret_socket =
            (struct px_socket){.text = door->text, .address = door->address, .fd = door->fd};
        return true;
    }
    return false;
}

void px_workers_give(struct px_workers *workers, const char *text)
{
    struct tn_list *node;

    TN_LIST_FOR_EACH (node, &workers->doors) {
        struct px_door *door = TN_CONTAINER_OF(node, struct px_door, node);

        if (strcmp(door->text, text) == 0)
            door->is_given = true;
    }
}

int px_workers_address(const struct px_workers *workers, uint32_t i,
                       struct sockaddr_storage *ret_address)
{
    const struct px_config *config = workers->config;
    const struct px_door *door =
        i < config->listen_count ? find(workers, config->listens[i].address.text) : NULL;

    if (!door)
        return -ENOENT;
    *ret_address = door->address;
    return 0;
}
