/* The new process, before its loop runs: it asks for the other one's place, and waits for all that
 * belongs to it. Nothing has changed for anybody until it says that it is done. */
#include "proxy/handover.h"

#include "lib/api/handover.h"
#include "lib/client/address.h"
#include "lib/client/client.h"
#include "proxy/server_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What came so far, and the descriptors beside it. */
struct reading {
    int fd;
    char *bytes;
    size_t len, size;
    struct px_taker *taker;
};

/* --- asking ------------------------------------------------------------------------------------
 */

static int refuse(const char *what, const char *detail)
{
    return px_server_fail(-EPROTO, "%s%s", what, detail);
}

static int connect_to(const char *address, int *ret_fd)
{
    const struct timeval limit = {.tv_sec = PX_HANDOVER_TAKE_MS / 1000};
    struct tn_client_address place;
    int error = tn_client_address_parse(address, &place);
    int fd = -1;

    if (error || place.is_tcp)
        return px_server_fail(error ? error : -EINVAL,
                              "'%s' is no address of a Unix socket: unix:PATH", address);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
        connect(fd, &place.sa, place.len) != 0)
        error = -errno;
    if (!error) {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    if (error == -ENOENT || error == -ECONNREFUSED)
        return px_server_fail(error,
                              "no running process answers at %s: there is nothing to take over. "
                              "Start without --takeover, or say where it is with --admin",
                              address);
    return px_server_fail(error, "%s: %s", address, strerror(-error));
}

static int send_request(int fd)
{
    char body[128];
    char text[512];
    int len = snprintf(body, sizeof(body), "{\"protocol\":%d,\"pid\":%ld,\"version\":\"%s\"}",
                       PX_HANDOVER_PROTOCOL, (long)getpid(), TURNOUT_VERSION);

    len = snprintf(text, sizeof(text),
                   "POST /v1/takeover HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\n"
                   "Upgrade: turnout-handover\r\nContent-Type: application/json\r\n"
                   "Content-Length: %d\r\n\r\n%s",
                   len, body);
    return send(fd, text, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -errno;
}

/* More bytes; 0 at the end of all. */
static ssize_t read_more(struct reading *reading)
{
    struct px_taker *taker = reading->taker;
    unsigned count = TN_PASSING_MAX;
    int *descriptors =
        realloc(taker->descriptors, (taker->descriptor_count + count) * sizeof(*descriptors));
    ssize_t len;

    if (!descriptors)
        return -ENOMEM;
    taker->descriptors = descriptors;
    if (reading->size - reading->len < 65536) {
        char *grown = realloc(reading->bytes, reading->size + 131072);

        if (!grown || reading->size > PX_CHANNEL_LINE_MAX)
            return -ENOMEM;
        reading->bytes = grown;
        reading->size += 131072;
    }
    len = tn_passing_receive(reading->fd, reading->bytes + reading->len,
                             reading->size - reading->len - 1,
                             descriptors + taker->descriptor_count, &count);
    if (len < 0)
        return len == -EAGAIN ? -ETIMEDOUT : len;
    taker->descriptor_count += count;
    reading->len += (size_t)len;
    reading->bytes[reading->len] = '\0';
    return len;
}

static int tell_refusal(struct reading *reading, const char *body)
{
    json_error_t error;
    json_t *problem;

    /* a refusal is short, and comes as one */
    while (!strchr(body, '}') && reading->len < 16384) {
        size_t at = (size_t)(body - reading->bytes);

        if (read_more(reading) <= 0)
            break;
        body = reading->bytes + at;
    }
    problem = json_loads(body, 0, &error);
    refuse("the running process refuses: ",
           problem ? json_string_value(json_object_get(problem, "detail")) : "it does not say why");
    json_decref(problem);
    return -EPROTO;
}

static int read_head(struct reading *reading)
{
    char *end = NULL;
    ssize_t len = 1;

    while (!end && len > 0) {
        len = read_more(reading);
        end = len > 0 ? strstr(reading->bytes, "\r\n\r\n") : NULL;
    }
    if (!end)
        return px_server_fail(-EPROTO, "the running process does not answer%s",
                              len == -ETIMEDOUT ? " in time" : "");
    if (strncmp(reading->bytes, "HTTP/1.1 101 ", 13) != 0)
        return tell_refusal(reading, end + 4);
    reading->len -= (size_t)(end + 4 - reading->bytes);
    memmove(reading->bytes, end + 4, reading->len + 1);
    return 0;
}

/* One line: whether it was the last one. */
static int take_line(struct px_taker *taker, const char *text, size_t len)
{
    json_error_t error;
    json_t *line = json_loadb(text, len, 0, &error);
    const char *type = json_string_value(json_object_get(line, "type"));
    int r = 0;

    if (!type) {
        r = refuse("the running process says what is no line of a handover", "");
    } else if (strcmp(type, "cancel") == 0) {
        const char *why = json_string_value(json_object_get(line, "why"));

        r = refuse("the running process goes on: ", why ? why : "");
    } else if (strcmp(type, "state") == 0) {
        taker->state = json_incref(line);
        r = 1;
    }
    json_decref(line);
    return r;
}

static int read_lines(struct reading *reading)
{
    int r = 0;

    while (r == 0) {
        char *end = memchr(reading->bytes, '\n', reading->len);
        ssize_t len = 1;

        if (!end) {
            len = read_more(reading);
            if (len <= 0)
                return px_server_fail(-EPROTO, "the running process did not hand over: %s",
                                      len == 0 ? "it closed the connection" : strerror((int)-len));
            continue;
        }
        r = take_line(reading->taker, reading->bytes, (size_t)(end - reading->bytes));
        reading->len -= (size_t)(end + 1 - reading->bytes);
        memmove(reading->bytes, end + 1, reading->len);
    }
    return r < 0 ? r : 0;
}

/* --- what came ---------------------------------------------------------------------------------
 */

static int add_socket(struct px_taker *taker, const char *text, int fd)
{
    struct px_socket *socket = &taker->sockets[taker->socket_count];
    socklen_t len = sizeof(socket->address);

    *socket = (struct px_socket){.text = text, .fd = fd};
    if (getsockname(fd, (struct sockaddr *)&socket->address, &len) != 0)
        return -errno;
    taker->socket_count++;
    return 0;
}

static bool is_same_file(const char *path, const char *absolute)
{
    char *own = realpath(path, NULL);
    bool is_same = own && strcmp(own, absolute) == 0;

    free(own);
    return is_same;
}

/* What this configuration has a place for is taken, once. */
static int sort_one(struct px_server *server, const char *kind, const char *text, int *fd)
{
    struct px_taker *taker = &server->taker;
    const struct px_config *config = server->config;
    int *place = NULL;

    if (strcmp(kind, "data") == 0) {
        int error = add_socket(taker, text, *fd);

        if (!error)
            *fd = -1;
        return error;
    }
    if (strcmp(kind, "admin") == 0 && config->admin_kind == PX_ADMIN_UNIX &&
        is_same_file(config->admin_path, text))
        place = &taker->admin_fd;
    else if (strcmp(kind, "metrics") == 0 && config->metrics.text &&
             strcmp(config->metrics.text, text) == 0)
        place = &taker->metrics_fd;
    else if (strcmp(kind, "lock") == 0)
        place = &taker->lock_fd;
    if (place && *place < 0) {
        *place = *fd;
        *fd = -1;
    }
    return 0;
}

static int sort(struct px_server *server)
{
    struct px_taker *taker = &server->taker;
    const json_t *list = json_object_get(taker->state, "sockets");
    json_int_t protocol = json_integer_value(json_object_get(taker->state, "protocol"));
    size_t i;
    json_t *item;
    int error = 0;

    if (protocol != PX_HANDOVER_PROTOCOL)
        return refuse("the running process hands over by another protocol than this one", "");
    if (json_array_size(list) != taker->descriptor_count)
        return refuse("the running process did not hand over all of its sockets", "");
    taker->sockets = calloc(taker->descriptor_count + 1, sizeof(*taker->sockets));
    if (!taker->sockets)
        return px_server_fail(-ENOMEM, "out of memory");
    json_array_foreach(list, i, item)
    {
        const char *kind = json_string_value(json_object_get(item, "kind"));
        const char *text = json_string_value(json_object_get(item, "text"));

        if (kind && text && !error)
            error = sort_one(server, kind, text, &taker->descriptors[i]);
    }
    taker->pid = (pid_t)json_integer_value(json_object_get(taker->state, "pid"));
    return error ? px_server_fail(error, "a socket that was handed over: %s", strerror(-error)) : 0;
}

void px_taker_init(struct px_taker *taker)
{
    taker->fd = taker->admin_fd = taker->metrics_fd = taker->lock_fd = -1;
}

int px_taker_ask(struct px_server *server, const char *address)
{
    struct px_taker *taker = &server->taker;
    struct reading reading = {.taker = taker};
    char own[PATH_MAX + 8];
    int error;

    if (!address && server->config->admin_kind != PX_ADMIN_UNIX)
        return px_server_fail(-EINVAL,
                              "a takeover needs the running process's Unix socket: name it "
                              "with --admin unix:PATH");
    if (!address) {
        snprintf(own, sizeof(own), "unix:%s%s", strchr(server->config->admin_path, '/') ? "" : "./",
                 server->config->admin_path);
        address = own;
    }
    error = connect_to(address, &taker->fd);
    if (error)
        return error;
    reading.fd = taker->fd;
    if (send_request(taker->fd) != 0)
        error = refuse("the running process does not listen", "");
    if (!error)
        error = read_head(&reading);
    if (!error)
        error = read_lines(&reading);
    free(reading.bytes);
    if (!error)
        error = sort(server);
    taker->is_taking = !error;
    return error;
}

int px_taker_take_listener(struct px_server *server, const struct tn_api_options *options,
                           const char *path, struct tn_api_server **ret_listener)
{
    int *fd = path ? &server->taker.admin_fd : &server->taker.metrics_fd;
    int error = tn_api_take(options, *fd, path, ret_listener);

    *fd = -1;
    if (error)
        return px_server_fail(error, "a listener that was handed over: %s", strerror(-error));
    *(path ? &server->taker.has_admin : &server->taker.has_metrics) = true;
    return 0;
}

static void close_if(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void px_taker_forget(struct px_taker *taker)
{
    for (unsigned i = 0; i < taker->descriptor_count; i++)
        close_if(&taker->descriptors[i]);
    for (uint32_t i = 0; i < taker->socket_count; i++)
        close_if(&taker->sockets[i].fd);
    close_if(&taker->admin_fd);
    close_if(&taker->metrics_fd);
    close_if(&taker->lock_fd);
    close_if(&taker->fd);
    free(taker->descriptors);
    taker->descriptors = NULL;
    taker->descriptor_count = 0;
}
