#include "lib/api/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES 65536
#define HASH_PREFIX "blake2b:"

struct entry {
    uint8_t hash[TN_TOKEN_HASH_BYTES];
    enum tn_api_role role;
    char name[TN_TOKEN_NAME_MAX + 1];
};

struct tn_tokens {
    size_t count;
    struct entry entries[TN_TOKENS_MAX];
};

/* --- reading the file --------------------------------------------------------------------------
 */

static int refuse(char **ret_why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char **ret_why, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(ret_why, format, args) < 0)
        *ret_why = NULL;
    va_end(args);
    return error;
}

static int check_status(int fd, const char *path, char **ret_why)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return refuse(ret_why, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(ret_why, -EINVAL, "%s: is not a regular file", path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return refuse(ret_why, -EPERM,
                      "%s: belongs to user %u: a token file must be of the user who runs turnout, "
                      "or of root",
                      path, (unsigned)status.st_uid);
    if (status.st_mode & (S_IWGRP | S_IWOTH | S_IROTH))
        return refuse(
            ret_why, -EPERM,
            "%s: has mode %04o: others could let themselves in; make it 0600 (or 0640 for "
            "a group)",
            path, (unsigned)status.st_mode & 07777);
    return 0;
}

static int read_all(int fd, char *buffer, size_t size, size_t *ret_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, buffer + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int tn_tokens_load(const char *path, char **ret_why, struct tn_tokens **ret_tokens)
{
    /* without waiting for the writer of a pipe */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char *buffer;
    size_t len = 0;
    int error;

    *ret_why = NULL;
    if (fd < 0)
        return refuse(ret_why, -errno, "%s: %s", path, strerror(errno));
    error = check_status(fd, path, ret_why);
    buffer = error ? NULL : malloc(FILE_MAX_BYTES + 1);
    if (!error && !buffer)
        error = -ENOMEM;
    if (!error) {
        error = read_all(fd, buffer, FILE_MAX_BYTES + 1, &len);
        if (error)
            refuse(ret_why, error, "%s: %s", path, strerror(-error));
    }
    close(fd);
    if (!error && len > FILE_MAX_BYTES)
        error = refuse(ret_why, -EINVAL, "%s: more than %d bytes", path, FILE_MAX_BYTES);
    if (!error)
        error = tn_tokens_parse((struct tn_str){buffer, len}, path, ret_why, ret_tokens);
    if (buffer)
        sodium_memzero(buffer, len);
    free(buffer);
    return error;
}

/* --- one line ----------------------------------------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; empty at its end. */
static struct tn_str next_word(struct tn_str *line)
{
    struct tn_str word;

    while (line->len > 0 && is_blank(*line->ptr)) {
        line->ptr++;
        line->len--;
    }
    word = (struct tn_str){line->ptr, 0};
    while (line->len > 0 && !is_blank(*line->ptr)) {
        line->ptr++;
        line->len--;
        word.len++;
    }
    return word;
}

static bool parse_hash(struct tn_str text, uint8_t hash[TN_TOKEN_HASH_BYTES])
{
    struct tn_str prefix = TN_STR(HASH_PREFIX);
    size_t len = 0;

    if (!tn_str_has_prefix(text, prefix) || text.len != prefix.len + 2 * TN_TOKEN_HASH_BYTES)
        return false;
    return sodium_hex2bin(hash, TN_TOKEN_HASH_BYTES, text.ptr + prefix.len, text.len - prefix.len,
                          NULL, &len, NULL) == 0 &&
           len == TN_TOKEN_HASH_BYTES;
}

/* What is wrong with the line, or NULL. The texts never repeat what is there: it may be a token. */
static const char *parse_line(struct tn_str line, struct tn_tokens *tokens)
{
    struct entry entry = {0};
    struct tn_str name = next_word(&line);
    struct tn_str role = next_word(&line);
    struct tn_str hash = next_word(&line);

    if (tokens->count == TN_TOKENS_MAX)
        return "more than 256 tokens";
    if (hash.len == 0 || next_word(&line).len > 0)
        return "expected NAME ROLE blake2b:HASH; 'turnout token' makes such a line";
    if (!tn_token_is_name(name))
        return "the name has letters, digits and ._-, at most 63";
    if (!tn_token_parse_role(role, &entry.role))
        return "the role is read or operate";
    if (tn_token_is_well_formed(hash))
        return "this is a token: here belongs its hash, as 'turnout token' makes it; take another "
               "token now";
    if (!parse_hash(hash, entry.hash))
        return "the hash is blake2b: and 64 hexadecimal digits";
    memcpy(entry.name, name.ptr, name.len);
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->entries[i].name, entry.name) == 0)
            return "this name is used twice";
        if (sodium_memcmp(tokens->entries[i].hash, entry.hash, sizeof(entry.hash)) == 0)
            return "this hash is there twice";
    }
    tokens->entries[tokens->count++] = entry;
    return NULL;
}

static struct tn_str next_line(struct tn_str *rest)
{
    const char *end = memchr(rest->ptr, '\n', rest->len);
    struct tn_str line = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
    size_t used = line.len + (end ? 1 : 0);

    rest->ptr += used;
    rest->len -= used;
    return line;
}

int tn_tokens_parse(struct tn_str text, const char *origin, char **ret_why,
                    struct tn_tokens **ret_tokens)
{
    struct tn_tokens *tokens = sodium_init() < 0 ? NULL : calloc(1, sizeof(*tokens));
    const char *problem = NULL;
    unsigned number = 0;

    *ret_why = NULL;
    if (!tokens)
        return -ENOMEM;
    while (!problem && text.len > 0) {
        struct tn_str line = next_line(&text);
        struct tn_str rest = line;
        struct tn_str word = next_word(&rest);

        number++;
        if (word.len > 0 && word.ptr[0] != '#')
            problem = parse_line(line, tokens);
    }
    if (!problem && tokens->count > 0) {
        *ret_tokens = tokens;
        return 0;
    }
    tn_tokens_free(tokens);
    if (problem)
        return refuse(ret_why, -EINVAL, "%s:%u: %s", origin, number, problem);
    return refuse(ret_why, -EINVAL, "%s: holds no token: nobody could use the admin interface",
                  origin);
}

void tn_tokens_free(struct tn_tokens *tokens)
{
    if (!tokens)
        return;
    sodium_memzero(tokens, sizeof(*tokens));
    free(tokens);
}

/* --- asking ------------------------------------------------------------------------------------
 */

bool tn_tokens_find(const struct tn_tokens *tokens, struct tn_str token,
                    struct tn_token_owner *ret_owner)
{
    uint8_t hash[TN_TOKEN_HASH_BYTES];
    size_t found = 0;
    size_t matches = 0;

    if (!tn_token_is_well_formed(token))
        return false;
    tn_token_hash(token, hash);
    for (size_t i = 0; i < tokens->count; i++) {
        /* all are compared, and none is a branch */
        size_t is_same = sodium_memcmp(tokens->entries[i].hash, hash, sizeof(hash)) == 0;

        found |= i & (0 - is_same);
        matches |= is_same;
    }
    sodium_memzero(hash, sizeof(hash));
    if (!matches)
        return false;
    *ret_owner = (struct tn_token_owner){tokens->entries[found].name, tokens->entries[found].role};
    return true;
}
