#include "engine/local/os_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_BYTES 4096
#define OPEN_MAX_FOLDERS 16

int en_os_make_folder(struct en_os *os, const char *path)
{
    char *copy = strdup(path);
    int r = copy ? 0 : -ENOMEM;

    (void)os;
    for (char *slash = copy; r == 0 && slash && *slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0750) < 0 && errno != EEXIST)
            r = -errno;
        if (slash)
            *slash = '/';
    }
    free(copy);
    return r;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path) == 0 ? 0 : -errno;
}

int en_os_remove_folder(struct en_os *os, const char *path)
{
    (void)os;
    /* Does not follow links, and stays on this disk. */
    int r = nftw(path, remove_one, OPEN_MAX_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

    if (r == -1)
        return errno == ENOENT ? 0 : -errno;
    return r;
}

static void take_last(const char *text, size_t len, char *line, size_t size)
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    size_t start = len;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    size_t count = len - start < size - 1 ? len - start : size - 1;
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)text[start + i];
        line[i] = (char)(byte < ' ' || byte == 0x7f ? '?' : byte);
    }
    line[count] = '\0';
}

void en_os_last_line(struct en_os *os, const char *path, char *line, size_t size)
{
    char text[TAIL_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    ssize_t n = -1;

    (void)os;
    line[0] = '\0';
    if (end >= 0)
        n = pread(fd, text, sizeof(text), end > TAIL_BYTES ? end - TAIL_BYTES : 0);
    if (fd >= 0)
        close(fd);
    if (n > 0)
        take_last(text, (size_t)n, line, size);
}
