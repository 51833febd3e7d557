#include "proxy/route/cookie.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX_BYTES 8192
#define KEY_MIN_CHARS 32
#define KEY_MAX_CHARS 512

__attribute__((format(printf, 2, 3))) static void say_why(char **ret_why, const char *format, ...)
{
    va_list arguments;
    char *why;

    va_start(arguments, format);
    if (vasprintf(&why, format, arguments) >= 0)
        *ret_why = why;
    va_end(arguments);
}

/* Whatever people write in the line becomes a key of full strength and right length. */
static void derive(struct tn_str line, uint8_t ret_key[PX_COOKIE_KEY_BYTES])
{
    static const char purpose[] = "turnout sticky cookie 1";

    crypto_generichash(ret_key, PX_COOKIE_KEY_BYTES, (const uint8_t *)line.ptr, line.len,
                       (const uint8_t *)purpose, sizeof(purpose) - 1);
}

static int add_key(struct px_cookie_keys *keys, struct tn_str line, const char *name,
                   unsigned number, char **ret_why)
{
    if (line.len < KEY_MIN_CHARS || line.len > KEY_MAX_CHARS) {
        say_why(ret_why, "%s:%u: a key of %zu characters; expected %d to %d", name, number,
                line.len, KEY_MIN_CHARS, KEY_MAX_CHARS);
        return -EINVAL;
    }
    if (keys->count == PX_COOKIE_KEYS_MAX) {
        say_why(ret_why, "%s:%u: more than %d keys", name, number, PX_COOKIE_KEYS_MAX);
        return -EINVAL;
    }
    derive(line, keys->keys[keys->count++]);
    return 0;
}

int px_cookie_keys_parse(struct tn_str text, const char *name, char **ret_why,
                         struct px_cookie_keys **ret_keys)
{
    struct px_cookie_keys *keys;
    int error = 0;

    *ret_why = NULL;
    if (sodium_init() < 0) {
        say_why(ret_why, "%s: libsodium cannot start", name);
        return -EIO;
    }
    keys = calloc(1, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    for (unsigned number = 1; text.len > 0 && error == 0; number++) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        struct tn_str line = {text.ptr, len};

        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        line = tn_str_trim(line);
        if (line.len > 0)
            error = add_key(keys, line, name, number, ret_why);
        text.ptr += len + (end != NULL);
        text.len -= len + (end != NULL);
    }
    if (error == 0 && keys->count == 0) {
        say_why(ret_why, "%s: holds no key; expected one of at least %d characters a line", name,
                KEY_MIN_CHARS);
        error = -EINVAL;
    }
    if (error != 0) {
        px_cookie_keys_free(keys);
        return error;
    }
    *ret_keys = keys;
    return 0;
}

/* Up to size bytes; the length or negative errno. */
static ssize_t read_file(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t len = 0;
    int error = 0;

    if (fd < 0)
        return -errno;
    while (len < size) {
        ssize_t got = read(fd, buffer + len, size - len);

        if (got == 0)
            break;
        if (got > 0)
            len += (size_t)got;
        else if (errno != EINTR) {
            error = -errno;
            break;
        }
    }
    close(fd);
    return error != 0 ? error : (ssize_t)len;
}

int px_cookie_keys_load(const char *path, char **ret_why, struct px_cookie_keys **ret_keys)
{
    char buffer[FILE_MAX_BYTES + 1];
    ssize_t len = read_file(path, buffer, sizeof(buffer));
    int error;

    *ret_why = NULL;
    if (len < 0) {
        say_why(ret_why, "%s: %s", path, strerror((int)-len));
        return (int)len;
    }
    if (len > FILE_MAX_BYTES) {
        say_why(ret_why, "%s: more than %d bytes", path, FILE_MAX_BYTES);
        error = -EINVAL;
    } else {
        error = px_cookie_keys_parse((struct tn_str){buffer, (size_t)len}, path, ret_why, ret_keys);
    }
    sodium_memzero(buffer, sizeof(buffer));
    return error;
}

void px_cookie_keys_free(struct px_cookie_keys *keys)
{
    if (!keys)
        return;
    sodium_memzero(keys, sizeof(*keys));
    free(keys);
}
