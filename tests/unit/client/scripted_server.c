#include "scripted_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RECEIVED_MAX 65536

struct scripted_server {
    const struct script *script;
    char folder[32];
    struct sockaddr_un address;
    char text[sizeof(struct sockaddr_un) + 8];
    int listener;
    int stop[2]; /* a pipe: closed to end a silent server */
    pthread_t thread;
    bool is_joined;
    size_t received_len;
    char received[RECEIVED_MAX];
};

static size_t body_len_of(const char *head)
{
    const char *field = strstr(head, "Content-Length: ");

    return field ? strtoul(field + strlen("Content-Length: "), NULL, 10) : 0;
}

static void read_request(struct scripted_server *server, int fd)
{
    for (;;) {
        char *end = strstr(server->received, "\r\n\r\n");
        if (end && server->received_len >=
                       (size_t)(end + 4 - server->received) + body_len_of(server->received))
            return;
        ssize_t n = read(fd, server->received + server->received_len,
                         RECEIVED_MAX - 1 - server->received_len);
        if (n <= 0)
            return;
        server->received_len += (size_t)n;
        server->received[server->received_len] = '\0';
    }
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the client left */
        bytes += n;
        len -= (size_t)n;
    }
}

static void send_script(const struct script *script, int fd)
{
    char filler[4096];

    for (size_t i = 0; script->pieces[i]; i++)
        send_all(fd, script->pieces[i], strlen(script->pieces[i]));
    memset(filler, 'x', sizeof(filler));
    for (size_t left = script->filler_len; left > 0;) {
        size_t len = left < sizeof(filler) ? left : sizeof(filler);
        send_all(fd, filler, len);
        left -= len;
    }
}

static void *run(void *context)
{
    struct scripted_server *server = context;
    struct pollfd wait[2] = {{.fd = server->listener, .events = POLLIN},
                             {.fd = server->stop[0], .events = POLLIN}};

    if (poll(wait, 2, -1) < 0 || !(wait[0].revents & POLLIN))
        return NULL;
    int fd = accept(server->listener, NULL, NULL);
    assert(fd >= 0);
    if (!server->script->is_deaf)
        read_request(server, fd);
    if (server->script->is_silent)
        poll(&wait[1], 1, -1);
    send_script(server->script, fd);
    close(fd);
    return NULL;
}

static int listen_unix(struct scripted_server *server)
{
    server->address.sun_family = AF_UNIX;
    snprintf(server->address.sun_path, sizeof(server->address.sun_path), "%s/s", server->folder);
    snprintf(server->text, sizeof(server->text), "unix:%s", server->address.sun_path);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(server->listener, (struct sockaddr *)&server->address, sizeof(server->address));
}

static int listen_tcp(struct scripted_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, len) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0)
        return -1;
    snprintf(server->text, sizeof(server->text), "http://127.0.0.1:%u", ntohs(address.sin_port));
    return 0;
}

struct scripted_server *scripted_server_start(const struct script *script)
{
    struct scripted_server *server = calloc(1, sizeof(*server));

    assert(server);
    server->script = script;
    memcpy(server->folder, "/tmp/turnout-test-XXXXXX", 25);
    bool is_made = mkdtemp(server->folder) && pipe(server->stop) == 0;
    assert(is_made);
    int r = script->is_tcp ? listen_tcp(server) : listen_unix(server);
    r = r == 0 ? listen(server->listener, 4) : r;
    r = r == 0 ? pthread_create(&server->thread, NULL, run, server) : r;
    assert(r == 0);
    (void)is_made;
    (void)r;
    return server;
}

const char *scripted_server_address(const struct scripted_server *server)
{
    return server->text;
}

const char *scripted_server_received(struct scripted_server *server)
{
    pthread_join(server->thread, NULL);
    server->is_joined = true;
    return server->received;
}

void scripted_server_stop(struct scripted_server *server)
{
    close(server->stop[1]);
    if (!server->is_joined)
        pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->listener);
    unlink(server->address.sun_path);
    rmdir(server->folder);
    free(server);
}
