#include "fake_server.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define REQUESTS_MAX 32
#define WORDS_MAX 24

struct request {
    char line[512];
    char *head;
    char *body;
};

struct fake_server {
    const struct fake_answer *answers;
    char folder[32];
    struct sockaddr_un address;
    int listener;
    int stop[2];
    pthread_t thread;
    struct request requests[REQUESTS_MAX];
    size_t count;
};

/* Reads up to the end of the body; NUL-terminated, the caller's. */
static char *read_request(int fd)
{
    char *text = calloc(1, 1);
    size_t len = 0;

    for (;;) {
        const char *end = strstr(text, "\r\n\r\n");
        const char *field = strstr(text, "Content-Length: ");
        size_t body = field ? strtoul(field + strlen("Content-Length: "), NULL, 10) : 0;
        if (end && len >= (size_t)(end + 4 - text) + body)
            return text;
        char *more = realloc(text, len + 4097);
        if (!more)
            abort();
        text = more;
        ssize_t n = read(fd, text + len, 4096);
        if (n <= 0)
            return text;
        len += (size_t)n;
        text[len] = '\0';
    }
}

static void record(struct fake_server *server, char *text)
{
    struct request *request = &server->requests[server->count];
    char *end = strstr(text, "\r\n\r\n");
    char *space = strchr(text, ' ');
    char *second = space ? strchr(space + 1, ' ') : NULL;

    if (!end || !second || server->count == REQUESTS_MAX) {
        free(text);
        return;
    }
    snprintf(request->line, sizeof(request->line), "%.*s", (int)(second - text), text);
    end[2] = '\0';
    request->head = text;
    request->body = end + 4;
    server->count++;
}

static void respond(const struct fake_server *server, int fd, const char *line)
{
    const struct fake_answer *answer = server->answers;
    size_t len = strcspn(line, "?");

    while (answer->request &&
           (strlen(answer->request) != len || strncmp(answer->request, line, len) != 0))
        answer++;
    char *json = strdup(answer->request ? answer->json : "{'detail':'no such resource'}");
    char *text = NULL;
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    int size = asprintf(&text, "HTTP/1.1 %u x\r\nContent-Length: %zu\r\n\r\n%s",
                        answer->request ? answer->status : 404, strlen(json), json);
    if (size > 0 && send(fd, text, (size_t)size, MSG_NOSIGNAL) < 0)
        perror("send");
    free(json);
    free(text);
}

static void *run(void *context)
{
    struct fake_server *server = context;
    struct pollfd wait[2] = {{.fd = server->listener, .events = POLLIN},
                             {.fd = server->stop[0], .events = POLLIN}};

    while (poll(wait, 2, -1) > 0 && !wait[1].revents) {
        int fd = accept(server->listener, NULL, NULL);
        size_t before = server->count;

        record(server, read_request(fd));
        if (server->count > before)
            respond(server, fd, server->requests[before].line);
        close(fd);
    }
    return NULL;
}

struct fake_server *fake_server_start(const struct fake_answer *answers)
{
    struct fake_server *server = calloc(1, sizeof(*server));

    assert_non_null(server);
    server->answers = answers;
    snprintf(server->folder, sizeof(server->folder), "/tmp/turnout-test-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    assert_int_equal(pipe(server->stop), 0);
    server->address.sun_family = AF_UNIX;
    snprintf(server->address.sun_path, sizeof(server->address.sun_path), "%s/s", server->folder);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(server->listener, (struct sockaddr *)&server->address, sizeof(server->address)), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
    return server;
}

void fake_server_stop(struct fake_server *server)
{
    close(server->stop[1]);
    pthread_join(server->thread, NULL);
    close(server->stop[0]);
    close(server->listener);
    unlink(server->address.sun_path);
    rmdir(server->folder);
    for (size_t i = 0; i < server->count; i++)
        free(server->requests[i].head);
    free(server);
}

size_t fake_server_count(const struct fake_server *server)
{
    return server->count;
}

static const struct request *request_at(const struct fake_server *server, size_t i)
{
    size_t at = i == SIZE_MAX ? server->count - 1 : i;

    assert_true(at < server->count);
    return &server->requests[at];
}

const char *fake_server_line(const struct fake_server *server, size_t i)
{
    return request_at(server, i)->line;
}

const char *fake_server_head(const struct fake_server *server, size_t i)
{
    return request_at(server, i)->head;
}

const char *fake_server_body(const struct fake_server *server, size_t i)
{
    return request_at(server, i)->body;
}

const char *fake_server_option = "--admin";

int fake_server_run(const struct fake_server *server, struct capture *capture, cli_verb_fn *verb,
                    const char *words)
{
    char option[16];
    char *copy = strdup(words);
    char *address = strdup(server->address.sun_path);
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;

    snprintf(option, sizeof(option), "%s", fake_server_option);
    capture_start(capture);
    for (char *word = copy; word && argc < WORDS_MAX - 2; argc++) {
        char *bar = strchr(word, '|');
        argv[argc] = word;
        word = bar ? bar + 1 : NULL;
        if (bar)
            *bar = '\0';
    }
    argv[argc++] = option;
    argv[argc++] = address;
    int code = verb(&capture->context, argc, argv);
    free(copy);
    free(address);
    return code;
}
