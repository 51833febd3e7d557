#include "tests/bench/client.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/bench/ports.h"

#define HEAD_MAX 4096
#define COOKIE_MAX 512

enum connection_state { CLOSED, CONNECTING, READY, BUSY };

struct client_connection {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct client *client;
    struct client_connection *next_idle;
    uint32_t number;
    enum connection_state state;
    uint64_t due_ns;
    int64_t to_read; /* of the answer's body; -1: its head has not come whole */
    bool is_closing_after;
    bool is_measured; /* the request that is under way */
    bool is_resting;  /* in the client's list of idle ones */
    uint32_t part_len;
    char part[HEAD_MAX]; /* of a head that came in pieces */
    uint32_t head_len;
    char head[HEAD_MAX]; /* of the request */
    char cookie[COOKIE_MAX];
};

static char scratch[1u << 18];

static void send_request(struct client_connection *connection, uint64_t due_ns);
static void open_connection(struct client_connection *connection);

static void build_head(struct client_connection *connection)
{
    const struct client_options *options = &connection->client->options;
    char *head = connection->head;
    int len = snprintf(head, HEAD_MAX,
                       "%s %s HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench\r\nAccept: */*\r\n",
                       options->method, options->path);
    for (int i = 0; i < CLIENT_FIELDS_MAX && options->fields[i]; i++) {
        len += snprintf(head + len, HEAD_MAX - (size_t)len, "%s\r\n", options->fields[i]);
    }
    if (options->odd_field && connection->number % 2) {
        len += snprintf(head + len, HEAD_MAX - (size_t)len, "%s\r\n", options->odd_field);
    }
    if (options->is_keeping_cookies) {
        len += snprintf(head + len, HEAD_MAX - (size_t)len, "Cookie: uid=%u%s%s\r\n",
                        connection->number, connection->cookie[0] ? "; " : "", connection->cookie);
    }
    if (options->body_bytes > 0 || strcmp(options->method, "POST") == 0) {
        len += snprintf(head + len, HEAD_MAX - (size_t)len, "Content-Length: %llu\r\n",
                        (unsigned long long)options->body_bytes);
    }
    len += snprintf(head + len, HEAD_MAX - (size_t)len, "\r\n");
    if (len >= HEAD_MAX) {
        errx(1, "the request's head is too long");
    }
    connection->head_len = (uint32_t)len;
}

static void rest(struct client *client, struct client_connection *connection)
{
    connection->is_resting = true;
    client->resting++;
    if (client->options.active > 0 && client->idle) {
        connection->next_idle = NULL;
        client->idle_last->next_idle = connection;
        client->idle_last = connection;
        return;
    }
    if (!client->idle) {
        client->idle_last = connection;
    }
    connection->next_idle = client->idle;
    client->idle = connection;
}

static struct client_connection *wake(struct client *client)
{
    struct client_connection *connection = client->idle;
    if (connection) {
        client->idle = connection->next_idle;
        connection->is_resting = false;
        client->resting--;
    }
    return connection;
}

/* The server closed it while it was idle. */
static void unlist(struct client *client, struct client_connection *connection)
{
    struct client_connection **at = &client->idle, *before = NULL;
    while (*at != connection) {
        before = *at;
        at = &before->next_idle;
    }
    *at = connection->next_idle;
    if (client->idle_last == connection) {
        client->idle_last = before;
    }
    connection->is_resting = false;
    client->resting--;
}

static void on_stage_done(struct client *client)
{
    if (client->stage == CLIENT_MEASURING) {
        client->ended_ns = uv_hrtime();
        client->stage = CLIENT_DONE;
    } else {
        client->stage = CLIENT_PAUSED;
    }
    client->on_stage(client);
}

/* Each of those that rest sends one, or as many of them as may be active. */
static void send_step(struct client *client)
{
    uint32_t left = client->options.active ? client->options.active : client->opened;
    for (struct client_connection *each;
         client->to_send > 0 && left-- > 0 && (each = wake(client));) {
        send_request(each, uv_hrtime());
    }
}

/* The last one that was opened sends its request; then it is the next one's turn. */
static void go_on_serially(struct client_connection *connection)
{
    struct client *client = connection->client;
    if (client->to_send > client->options.connections - client->opened) {
        send_request(connection, uv_hrtime());
        return;
    }
    rest(client, connection);
    if (client->to_send > 0) {
        open_connection(&client->connections[client->opened++]);
    } else if (client->resting == client->opened) {
        on_stage_done(client);
    }
}

/* Closed loop: what this connection does next. */
static void go_on(struct client_connection *connection)
{
    struct client *client = connection->client;
    if (client->options.is_serial && client->stage == CLIENT_WARMING) {
        go_on_serially(connection);
        return;
    }
    bool is_stepping = client->options.is_lockstep && client->to_send > 0;
    if (client->to_send == 0 || is_stepping) {
        rest(client, connection);
        if (client->resting < client->opened) {
            return;
        }
        if (client->to_send == 0) {
            on_stage_done(client);
            return;
        }
        send_step(client);
        return;
    }
    send_request(connection, uv_hrtime());
}

/* Open loop: the one that waits longest takes the connection. */
static void serve_due(struct client *client, struct client_connection *connection)
{
    if (client->due_count > 0) {
        uint64_t due_ns = client->due[client->due_first];
        client->due_first = (client->due_first + 1) % client->due_size;
        client->due_count--;
        send_request(connection, due_ns);
        return;
    }
    rest(client, connection);
    if (client->to_send == 0 && client->under_way == 0) {
        on_stage_done(client);
    }
}

static void on_idle(struct client_connection *connection)
{
    if (connection->client->options.rate > 0) {
        serve_due(connection->client, connection);
    } else {
        go_on(connection);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct client_connection *connection = handle->data;
    connection->state = CLOSED;
    if (connection->client->options.is_fresh) {
        on_idle(connection); /* the next request opens it */
    } else {
        open_connection(connection);
    }
}

static void close_connection(struct client_connection *connection)
{
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
    }
}

/* What was under way is over. */
static void account(struct client_connection *connection, bool is_answered)
{
    struct client *client = connection->client;
    client->under_way--;
    if (!connection->is_measured) {
        if (!is_answered) {
            errx(1, "a request of the warm-up was not answered");
        }
        return;
    }
    client->answered += is_answered;
    client->failed += !is_answered;
    histogram_record(&client->latency, uv_hrtime() - connection->due_ns);
}

static void on_broken(struct client_connection *connection)
{
    if (connection->state == BUSY) {
        account(connection, false);
    }
    if (connection->is_resting) {
        unlist(connection->client, connection);
    }
    connection->state = READY;
    close_connection(connection);
}

static void keep_cookie(struct client_connection *connection, const char *head, size_t len)
{
    size_t value_len = 0;
    const char *value = bench_field(head, len, "set-cookie:", &value_len);
    const char *end = value ? memchr(value, ';', value_len) : NULL;
    size_t pair = end ? (size_t)(end - value) : value_len;
    if (!value || pair >= COOKIE_MAX) {
        return;
    }
    memcpy(connection->cookie, value, pair);
    connection->cookie[pair] = '\0';
    build_head(connection);
}

/* The head of an answer, whole; false when it is none that we can count. */
static bool begin_answer(struct client_connection *connection, const char *head, size_t len)
{
    if (len < 12 || memcmp(head, "HTTP/1.1 200", 12) != 0) {
        const char *line_end = memchr(head, '\r', len);
        if (connection->client->failed == 0) { /* one is enough to tell why */
            fprintf(stderr, "answered with %.*s\n", (int)(line_end - head), head);
        }
        return false;
    }
    connection->to_read = bench_field_number(head, len, "content-length:");
    if (connection->client->options.is_keeping_cookies) {
        keep_cookie(connection, head, len);
    }
    size_t value_len = 0;
    const char *value = bench_field(head, len, "connection:", &value_len);
    connection->is_closing_after = connection->client->options.is_fresh ||
                                   (value && value_len == 5 && strncasecmp(value, "close", 5) == 0);
    return connection->to_read >= 0;
}

static void finish_answer(struct client_connection *connection)
{
    account(connection, true);
    connection->state = READY;
    if (connection->is_closing_after) {
        close_connection(connection);
    } else {
        on_idle(connection);
    }
}

static bool take(struct client_connection *connection, const char *data, size_t len)
{
    if (connection->state != BUSY) {
        return false;
    }
    if (connection->to_read < 0) {
        const char *head = data;
        size_t seen = 0, all = len;
        if (connection->part_len) {
            seen = connection->part_len;
            all = seen + len;
            if (all > HEAD_MAX) {
                return false;
            }
            memcpy(connection->part + seen, data, len);
            head = connection->part;
        }
        size_t head_len = bench_head_len(head, all);
        if (!head_len) {
            if (all > HEAD_MAX) {
                return false;
            }
            if (!seen) {
                memcpy(connection->part, data, len);
            }
            connection->part_len = (uint32_t)all;
            return true;
        }
        connection->part_len = 0;
        if (head_len >= 12 && memcmp(head, "HTTP/1.1 100", 12) == 0) {
            return all == head_len || take(connection, data + (head_len - seen), all - head_len);
        }
        if (!begin_answer(connection, head, head_len)) {
            return false;
        }
        data += head_len - seen;
        len = all - head_len;
    }
    if ((int64_t)len > connection->to_read) {
        return false;
    }
    connection->to_read -= (int64_t)len;
    connection->client->bytes += len;
    if (connection->to_read == 0) {
        finish_answer(connection);
    }
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)handle, (void)suggested;
    *buffer = uv_buf_init(scratch, sizeof(scratch));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct client_connection *connection = stream->data;
    if (got < 0 || (got > 0 && !take(connection, buffer->base, (size_t)got))) {
        on_broken(connection);
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct client_connection *connection = request->data;
    if (status < 0 && status != UV_ECANCELED) {
        on_broken(connection);
    }
}

/* Hands the request to the kernel, as much as it takes at once, and the rest to libuv. */
static void write_request(struct client_connection *connection)
{
    struct client *client = connection->client;
    uv_buf_t parts[2] = {uv_buf_init(connection->head, connection->head_len),
                         uv_buf_init(client->body, (unsigned)client->options.body_bytes)};
    unsigned count = client->options.body_bytes ? 2 : 1;
    if (client->options.rate > 0 && connection->is_measured) {
        histogram_record(&client->late, uv_hrtime() - connection->due_ns);
    }
    int written = uv_try_write((uv_stream_t *)&connection->tcp, parts, count);
    size_t done = written < 0 ? 0 : (size_t)written;
    for (unsigned i = 0; i < count; i++) {
        size_t taken = done < parts[i].len ? done : parts[i].len;
        parts[i].base += taken;
        parts[i].len -= taken;
        done -= taken;
    }
    if (parts[0].len + (count > 1 ? parts[1].len : 0) > 0) {
        if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts, count,
                     on_written)) {
            errx(1, "uv_write");
        }
    }
}

static void on_connected(uv_connect_t *request, int status)
{
    struct client_connection *connection = request->data;
    if (status == UV_ECANCELED) {
        return;
    }
    if (status < 0) {
        errx(1, "cannot connect to port %u: %s", connection->client->options.port,
             uv_strerror(status));
    }
    uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    if (connection->state == BUSY) { /* its request waits */
        write_request(connection);
        return;
    }
    connection->state = READY;
    on_idle(connection);
}

static void connect_it(struct client_connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(connection->client->options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (uv_tcp_init(connection->client->loop, &connection->tcp)) {
        errx(1, "uv_tcp_init");
    }
    uv_tcp_nodelay(&connection->tcp, 1);
    connection->tcp.data = connection->connect.data = connection->write.data = connection;
    connection->client->opens++;
    int error = uv_tcp_connect(&connection->connect, &connection->tcp, (struct sockaddr *)&address,
                               on_connected);
    if (error) {
        errx(1, "cannot connect to port %u: %s", connection->client->options.port,
             uv_strerror(error));
    }
}

static void open_connection(struct client_connection *connection)
{
    connection->state = CONNECTING;
    connect_it(connection);
}

static void send_request(struct client_connection *connection, uint64_t due_ns)
{
    struct client *client = connection->client;
    bool is_open = connection->state == READY;
    connection->due_ns = due_ns;
    connection->to_read = -1;
    connection->part_len = 0;
    connection->is_measured = client->stage == CLIENT_MEASURING;
    connection->state = BUSY;
    if (client->options.rate == 0) {
        client->to_send--;
    }
    client->under_way += client->options.rate == 0; /* open loop: counted when it was due */
    client->sent += connection->is_measured;
    if (is_open) {
        write_request(connection);
    } else {
        connect_it(connection);
    }
}

/* Open loop: one more is due. */
static void on_due(struct client *client, uint64_t due_ns)
{
    client->to_send--;
    client->under_way++;
    struct client_connection *connection = wake(client);
    if (!connection && client->opened < client->options.connections) {
        connection = &client->connections[client->opened++];
    }
    if (connection) {
        send_request(connection, due_ns);
        return;
    }
    assert(client->due_count < client->due_size);
    client->due[(client->due_first + client->due_count++) % client->due_size] = due_ns;
    client->due_most = client->due_count > client->due_most ? client->due_count : client->due_most;
}

static uint64_t due_at(const struct client *client, uint64_t number)
{
    return client->began_ns + (uint64_t)((double)number * client->interval_ns);
}

static void set_timer(struct client *client, uint64_t at_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at_ns / 1000000000),
                                           .tv_nsec = (long)(at_ns % 1000000000)}};
    if (timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL)) {
        err(1, "timerfd_settime");
    }
}

static void on_timer(uv_poll_t *timer, int status, int events)
{
    (void)status, (void)events;
    struct client *client = timer->data;
    uint64_t expirations;
    if (read(client->timer_fd, &expirations, sizeof(expirations)) < 0) {
        return;
    }
    while (client->to_send > 0 && due_at(client, client->due_sent) <= uv_hrtime()) {
        on_due(client, due_at(client, client->due_sent++));
    }
    if (client->to_send > 0) {
        set_timer(client, due_at(client, client->due_sent));
    }
}

int client_init(struct client *client, uv_loop_t *loop, const struct client_options *options,
                void (*on_stage)(struct client *client))
{
    memset(client, 0, sizeof(*client));
    client->options = *options;
    client->loop = loop;
    client->on_stage = on_stage;
    client->stage = CLIENT_PAUSED;
    histogram_init(&client->latency);
    histogram_init(&client->late);
    client->connections = calloc(options->connections, sizeof(*client->connections));
    client->body = malloc(options->body_bytes + 1);
    client->due_size = options->requests + options->warm + 1;
    client->due = options->rate > 0 ? calloc(client->due_size, sizeof(*client->due)) : NULL;
    if (!client->connections || !client->body || (options->rate > 0 && !client->due)) {
        return -ENOMEM;
    }
    memset(client->body, 'b', options->body_bytes + 1);
    for (uint32_t i = 0; i < options->connections; i++) {
        client->connections[i].client = client;
        client->connections[i].number = i;
        build_head(&client->connections[i]);
    }
    if (options->rate > 0) {
        client->interval_ns = 1e9 / options->rate;
        client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (client->timer_fd < 0 || uv_poll_init(loop, &client->timer, client->timer_fd)) {
            return -errno;
        }
        client->timer.data = client;
    }
    return 0;
}

void client_start(struct client *client)
{
    const struct client_options *options = &client->options;
    bool is_first = client->began_ns == 0 && client->opens == 0;
    client->stage = is_first && options->warm > 0 ? CLIENT_WARMING : CLIENT_MEASURING;
    client->to_send = client->stage == CLIENT_WARMING ? options->warm : options->requests;
    client->began_ns = uv_hrtime();
    client->bytes = 0;
    if (options->rate > 0) {
        client->due_sent = 0;
        uv_poll_start(&client->timer, UV_READABLE, on_timer);
        set_timer(client, client->began_ns);
        return;
    }
    uint32_t count = options->connections;
    if (is_first) {
        client->opened = options->is_serial ? 1 : count;
        for (uint32_t i = 0; i < client->opened; i++) {
            if (options->is_fresh) {
                rest(client, &client->connections[i]);
            } else {
                open_connection(&client->connections[i]);
            }
        }
        if (!options->is_fresh) {
            return;
        }
    }
    send_step(client);
}
