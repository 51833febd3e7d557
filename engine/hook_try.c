#include "engine/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 50
#define STATUS_LEN 12 /* "HTTP/1.1 200" */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum en_try failed(char why[160], const char *text)
{
    snprintf(why, 160, "%s", text);
    return EN_TRY_FAILED;
}

/* False: the time is up, or nobody wants to know any more. */
static bool wait_for(int fd, short events, uint64_t end_ms, const _Atomic bool *is_over)
{
    while (!*is_over && now_ms() < end_ms) {
        struct pollfd poll_fd = {.fd = fd, .events = events};

        if (poll(&poll_fd, 1, LOOK_MS) > 0)
            return true;
    }
    return false;
}

/* --- a webhook ---------------------------------------------------------------------------------
 */

struct url {
    char host[256], port[8];
    const char *path;
};

static bool parse_url(const char *text, struct url *ret_url)
{
    const char *host = text + strlen("http://");
    size_t len = strcspn(host, "/");
    const char *colon = memrchr(host, ':', len);

    if (strncmp(text, "http://", 7) != 0 || len == 0 || len >= sizeof(ret_url->host))
        return false;
    ret_url->path = host[len] ? host + len : "/";
    snprintf(ret_url->port, sizeof(ret_url->port), "80");
    if (colon && memchr(host, ']', len) < (const void *)colon) {
        snprintf(ret_url->port, sizeof(ret_url->port), "%.*s",
                 (int)(host + len - colon - 1) > 5 ? 0 : (int)(host + len - colon - 1), colon + 1);
        len = (size_t)(colon - host);
    }
    if (host[0] == '[' && len > 2) {
        host++;
        len -= 2;
    }
    snprintf(ret_url->host, sizeof(ret_url->host), "%.*s", (int)len, host);
    return ret_url->port[0] != '\0';
}

static int connect_to(const struct url *url, uint64_t end_ms, const _Atomic bool *is_over,
                      char why[160])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(url->host, url->port, &hints, &found);
    int fd = -1;

    if (error) {
        failed(why, gai_strerror(error));
        return -1;
    }
    for (struct addrinfo *item = found; item && fd < 0; item = item->ai_next) {
        socklen_t size = sizeof(error);

        fd = socket(item->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        error = fd >= 0 && connect(fd, item->ai_addr, item->ai_addrlen) < 0 ? errno : 0;
        if (error == EINPROGRESS)
            error = wait_for(fd, POLLOUT, end_ms, is_over) ? 0 : ETIMEDOUT;
        if (fd >= 0 && !error)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (fd >= 0 && error) {
            close(fd);
            fd = -1;
        }
        failed(why, error ? strerror(error) : "no socket");
    }
    freeaddrinfo(found);
    return fd;
}

static bool send_all(int fd, const char *text, size_t len, uint64_t end_ms,
                     const _Atomic bool *is_over)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_for(fd, POLLOUT, end_ms, is_over))
                return false;
            continue;
        }
        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Only its status matters. */
static enum en_try read_status(int fd, uint64_t end_ms, const _Atomic bool *is_over, char why[160])
{
    char text[STATUS_LEN + 1] = "";
    size_t len = 0;

    while (len < STATUS_LEN) {
        if (!wait_for(fd, POLLIN, end_ms, is_over))
            return failed(why, "no answer in time");
        ssize_t n = recv(fd, text + len, STATUS_LEN - len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return failed(why, n < 0 ? strerror(errno) : "closed without an answer");
        len += (size_t)n;
    }
    if (strncmp(text, "HTTP/1.", 7) != 0)
        return failed(why, "not HTTP");
    snprintf(why, 160, "answered %s", text + 9);
    return strcmp(text + 9, "200") >= 0 && strcmp(text + 9, "202") <= 0 ? EN_TRY_YES
                                                                        : EN_TRY_NOT_YET;
}

enum en_try en_try_url(const char *text, const char *body, uint64_t timeout_ms,
                       const _Atomic bool *is_over, char why[160])
{
    uint64_t end_ms = now_ms() + timeout_ms;
    struct url url;
    char *request = NULL;
    enum en_try said;
    int fd;

    if (!parse_url(text, &url))
        return failed(why, "not a URL");
    int len = asprintf(&request,
                       "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json\r\n"
                       "User-Agent: turnout-engine\r\nConnection: close\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       url.path, url.host, url.port, strlen(body), body);
    if (len < 0)
        return failed(why, "out of memory");
    fd = connect_to(&url, end_ms, is_over, why);
    if (fd < 0)
        said = EN_TRY_FAILED;
    else if (!send_all(fd, request, (size_t)len, end_ms, is_over))
        said = failed(why, "it did not take the request");
    else
        said = read_status(fd, end_ms, is_over, why);
    if (fd >= 0)
        close(fd);
    free(request);
    return said;
}

/* --- a command ---------------------------------------------------------------------------------
 */

/* Everything here is safe in the child of a process with threads. */
static void become(char *const *command, int input)
{
    sigset_t none;

    setpgid(0, 0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(input, 0) < 0 || dup2(2, 1) < 0)
        _exit(126);
    close_range(3, ~0u, 0);
    execvp(command[0], command);
    _exit(127);
}

static enum en_try wait_end(pid_t pid, uint64_t end_ms, const _Atomic bool *is_over, char why[160])
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    int status = 0;
    pid_t ended;

    for (ended = 0; ended == 0; ended = waitpid(pid, &status, WNOHANG)) {
        if (*is_over || now_ms() >= end_ms) {
            if (kill(-pid, SIGKILL) < 0)
                kill(pid, SIGKILL); /* before its setpgid() */
            waitpid(pid, NULL, 0);
            return failed(why, "did not end in time");
        }
        nanosleep(&look, NULL);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        why[0] = '\0';
        return EN_TRY_YES;
    }
    if (WIFEXITED(status))
        snprintf(why, 160, "exit code %d", WEXITSTATUS(status));
    else
        snprintf(why, 160, "killed by signal %d", WTERMSIG(status));
    return EN_TRY_FAILED;
}

enum en_try en_try_command(char *const *command, const char *body, uint64_t timeout_ms,
                           const _Atomic bool *is_over, char why[160])
{
    /* A file without a name: a command that does not read can't block us. */
    int input = memfd_create("hook", MFD_CLOEXEC);
    size_t len = strlen(body);
    enum en_try said;
    pid_t pid;

    if (input < 0 || write(input, body, len) != (ssize_t)len || lseek(input, 0, SEEK_SET) < 0) {
        if (input >= 0)
            close(input);
        return failed(why, strerror(errno));
    }
    pid = fork();
    if (pid == 0)
        become(command, input);
    said =
        pid < 0 ? failed(why, strerror(errno)) : wait_end(pid, now_ms() + timeout_ms, is_over, why);
    close(input);
    return said;
}
