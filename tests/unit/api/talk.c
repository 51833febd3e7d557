#include "tests/unit/api/talk.h"

#include "tests/support/virtual_time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 200000 /* of virtual time */

void talk_turn(struct tn_loop *loop)
{
    for (int i = 0; i < 5; i++)
        uv_run(&loop->uv, UV_RUN_NOWAIT);
}

static void receive(struct talk *talk)
{
    char bytes[65536];
    ssize_t len = recv(talk->fd, bytes, sizeof(bytes), 0);

    if (len == 0 || (len < 0 && errno == ECONNRESET))
        talk->is_closed = true;
    if (len <= 0)
        return;
    talk->in = realloc(talk->in, talk->in_len + (size_t)len + 1);
    assert_non_null(talk->in);
    memcpy(talk->in + talk->in_len, bytes, (size_t)len);
    talk->in_len += (size_t)len;
    talk->in[talk->in_len] = '\0';
}

/* Everything that can be done at once is done; then the clock jumps to the next timer. */
static void turn_and_wait(struct talk *talk, size_t before)
{
    uv_run(&talk->loop->uv, UV_RUN_NOWAIT);
    receive(talk);
    if (talk->in_len > before || talk->is_closed)
        return;
    uv_run(&talk->loop->uv, UV_RUN_ONCE);
    receive(talk);
    if (virtual_time_ms() - talk->since_ms > PATIENCE_MS)
        fail_msg("nothing happened for a long time");
}

void talk_open(struct talk *talk, struct tn_loop *loop, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memset(talk, 0, sizeof(*talk));
    talk->loop = loop;
    talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(talk->fd >= 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(connect(talk->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(talk->fd, F_SETFL, O_NONBLOCK), 0);
}

void talk_open_tcp(struct talk *talk, struct tn_loop *loop, const struct sockaddr_storage *address)
{
    memset(talk, 0, sizeof(*talk));
    talk->loop = loop;
    talk->fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(talk->fd >= 0);
    assert_int_equal(connect(talk->fd, (const struct sockaddr *)address, sizeof(*address)), 0);
    assert_int_equal(fcntl(talk->fd, F_SETFL, O_NONBLOCK), 0);
}

void talk_close(struct talk *talk)
{
    if (talk->fd >= 0)
        close(talk->fd);
    talk->fd = -1;
    free(talk->in);
    talk->in = NULL;
}

void talk_send(struct talk *talk, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(talk->fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            talk_turn(talk->loop);
            continue;
        }
        if (sent < 0)
            return; /* the server has closed: the test sees it when it reads */
        bytes += sent;
        len -= (size_t)sent;
    }
}

void talk_send_text(struct talk *talk, const char *text)
{
    talk_send(talk, text, strlen(text));
}

void talk_shutdown(struct talk *talk)
{
    shutdown(talk->fd, SHUT_WR);
}

static size_t body_length(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length: ");

    return field ? strtoul(field + 18, NULL, 10) : 0;
}

static bool take(struct talk *talk, bool head_request, struct talk_answer *ret_answer)
{
    char *end = talk->in ? strstr(talk->in, "\r\n\r\n") : NULL;
    size_t head_len;
    size_t body_len;

    if (!end)
        return false;
    head_len = (size_t)(end - talk->in) + 4;
    assert_true(head_len < sizeof(ret_answer->head));
    memset(ret_answer, 0, sizeof(*ret_answer));
    memcpy(ret_answer->head, talk->in, head_len);
    body_len = head_request ? 0 : body_length(ret_answer->head);
    if (talk->in_len < head_len + body_len)
        return false;
    assert_int_equal(strncmp(talk->in, "HTTP/1.1 ", 9), 0);
    ret_answer->status = (unsigned)strtoul(talk->in + 9, NULL, 10);
    ret_answer->body = malloc(body_len + 1);
    assert_non_null(ret_answer->body);
    memcpy(ret_answer->body, talk->in + head_len, body_len);
    ret_answer->body[body_len] = '\0';
    ret_answer->body_len = body_len;
    talk->in_len -= head_len + body_len;
    memmove(talk->in, talk->in + head_len + body_len, talk->in_len + 1);
    return true;
}

void talk_take(struct talk *talk, bool head_request, struct talk_answer *ret_answer)
{
    talk->since_ms = virtual_time_ms();
    while (!take(talk, head_request, ret_answer)) {
        if (talk->is_closed)
            fail_msg("closed before an answer was whole");
        turn_and_wait(talk, talk->in_len);
    }
}

void talk_answer_deinit(struct talk_answer *answer)
{
    free(answer->body);
    answer->body = NULL;
}

void talk_wait_closed(struct talk *talk)
{
    talk->since_ms = virtual_time_ms();
    while (!talk->is_closed)
        turn_and_wait(talk, talk->in_len);
}

void talk_once(struct tn_loop *loop, const char *path, const char *request_line, const char *extra,
               const char *body, struct talk_answer *ret_answer)
{
    struct talk talk;
    char *text;

    talk_open(&talk, loop, path);
    if (body)
        assert_true(asprintf(&text,
                             "%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
                             request_line, extra, strlen(body), body) > 0);
    else
        assert_true(
            asprintf(&text, "%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", request_line, extra) > 0);
    talk_send_text(&talk, text);
    talk_take(&talk, strncmp(request_line, "HEAD ", 5) == 0, ret_answer);
    talk_close(&talk);
    talk_turn(loop);
    free(text);
}
