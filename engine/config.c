#include "engine/config.h"

#include "proxy/config/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

void en_config_free(struct en_config *config)
{
    if (!config)
        return;
    for (uint32_t i = 0; i < config->build_count; i++) {
        free(config->builds[i].name);
        free_words(config->builds[i].command);
    }
    free(config->builds);
    for (uint32_t i = 0; i < EN_VERSIONS; i++) {
        free(config->versions[i].name);
        free(config->versions[i].build);
        free(config->versions[i].data);
    }
    for (uint32_t i = 0; i < EN_HOOK_COUNT; i++) {
        free(config->hooks[i].url);
        free_words(config->hooks[i].command);
    }
    free(config->file);
    free(config->dir);
    free(config->service);
    free(config->proxy);
    free(config->admin_path);
    free(config->metrics.text);
    free(config->store_file);
    free(config->log_dir);
    free(config->rule);
    free(config->ready_path);
    free(config);
}

const struct en_build_config *en_config_find_build(const struct en_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->build_count; i++) {
        if (strcmp(config->builds[i].name, name) == 0)
            return &config->builds[i];
    }
    return NULL;
}

int en_config_find_version(const struct en_config *config, const char *name)
{
    for (int i = 0; i < EN_VERSIONS; i++) {
        if (strcmp(config->versions[i].name, name) == 0)
            return i;
    }
    return -ENOENT;
}

static int read_all(int fd, char *bytes, size_t size, size_t *ret_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);

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

static int read_file(const char *path, char *bytes, size_t size, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return -errno;
    int r = read_all(fd, bytes, size, ret_len);
    close(fd);
    return r;
}

static int tell_unreadable(struct px_messages *messages, const char *path, int error)
{
    struct px_text text = {0};

    px_text_add(&text, "cannot be read: %s", strerror(-error));
    int r = px_messages_set_file(messages, path);
    if (r == 0)
        r = px_messages_add(messages, PX_ERROR, 0, 0, text.bytes);
    return r < 0 ? r : error;
}

int en_config_load(const char *path, struct px_messages *messages, struct en_config **ret_config)
{
    const char *slash = strrchr(path, '/');
    struct tn_str folder =
        slash ? (struct tn_str){path, slash == path ? 1 : (size_t)(slash - path)} : TN_STR(".");
    char *dir = tn_str_dup(folder);
    char *bytes = malloc(PX_FILE_BYTES_MAX + 1);
    size_t len = 0;
    int r = dir && bytes ? read_file(path, bytes, PX_FILE_BYTES_MAX + 1, &len) : -ENOMEM;

    if (r == 0)
        r = en_config_parse((struct tn_str){bytes, len}, path, dir, messages, ret_config);
    else if (r != -ENOMEM)
        r = tell_unreadable(messages, path, r);
    free(bytes);
    free(dir);
    return r;
}
