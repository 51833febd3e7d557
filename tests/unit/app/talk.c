#include "tests/unit/app/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int talk_listen(struct app_address *ret_address)
{
    int fd;
    assert_int_equal(app_address_parse("127.0.0.1:0", ret_address), 0);
    assert_int_equal(app_address_listen(ret_address, &fd), 0);
    return fd;
}

void talk_send(const struct app_address *address, const char *message, struct talk_answer *answer)
{
    size_t len = 0;
    ssize_t got = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address->storage, address->len), 0);
    assert_int_equal(send(fd, message, strlen(message), MSG_NOSIGNAL), strlen(message));
    while (got > 0 && len < TALK_SIZE - 1) {
        got = recv(fd, answer->text + len, TALK_SIZE - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    answer->text[len] = '\0';
    answer->status = len > 12 ? (int)strtol(answer->text + 9, NULL, 10) : 0;
    const char *end = strstr(answer->text, "\r\n\r\n");
    answer->body = end == NULL ? "" : end + 4;
}

void talk(const struct app_address *address, const char *line, const char *fields, const char *body,
          struct talk_answer *answer)
{
    static char message[2 * TALK_SIZE];
    int len =
        snprintf(message, sizeof(message),
                 "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
                 line, fields, strlen(body), body);
    assert_in_range(len, 1, sizeof(message) - 1);
    talk_send(address, message, answer);
}
