#include "proxy/config/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int parse_into(struct px_parser *parser, struct tn_str text, struct px_config *config)
{
    uint32_t errors_before = parser->messages->error_count;
    const struct px_node *node = px_parse_yaml(parser, text);
    if (node) {
        px_parse_top(parser, node, config);
    }
    px_parser_deinit(parser);
    px_messages_sort(parser->messages);
    if (parser->out_of_memory) {
        return -ENOMEM;
    }
    return parser->messages->error_count > errors_before ? -EINVAL : 0;
}

int px_config_parse(struct tn_str text, const char *name, const char *dir,
                    struct px_messages *messages, struct px_config **ret_config)
{
    struct px_config *config = calloc(1, sizeof(*config));
    if (!config) {
        return -ENOMEM;
    }
    config->references = 1;
    px_limits_default(&config->limits);
    config->file = tn_str_dup(tn_str_of(name));
    config->dir = tn_str_dup(tn_str_of(dir));
    config->access_log = tn_str_dup(TN_STR("stdout"));
    int r = px_messages_set_file(messages, name);
    if (r == 0 && config->file && config->dir && config->access_log) {
        struct px_parser parser = {.messages = messages, .dir = dir, .config = config};
        r = parse_into(&parser, text, config);
    } else {
        r = -ENOMEM;
    }
    if (r < 0) {
        px_config_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}

int px_config_parse_rules(struct tn_str text, const char *name, const struct px_config *config,
                          struct px_messages *messages, struct px_rule ***ret_rules,
                          uint32_t *ret_count)
{
    struct px_rule **rules = NULL;
    uint32_t count = 0;
    uint32_t errors_before = messages->error_count;
    struct px_parser parser = {.messages = messages, .dir = config->dir, .config = config};
    if (px_messages_set_file(messages, name) < 0) {
        return -ENOMEM;
    }
    const struct px_node *node = px_parse_yaml(&parser, text);
    if (node) {
        px_parse_rules(&parser, node, &rules, &count);
    }
    px_parser_deinit(&parser);
    px_messages_sort(messages);
    if (parser.out_of_memory || messages->error_count > errors_before) {
        px_rules_free(rules, count);
        return parser.out_of_memory ? -ENOMEM : -EINVAL;
    }
    *ret_rules = rules;
    *ret_count = count;
    return 0;
}

/* Read to the end rather than by size, so that a pipe (check -c /dev/stdin) works. */
static int read_all(int fd, char *bytes, size_t size, size_t *ret_len)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

static int read_file(const char *path, char *bytes, size_t size, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    int r = read_all(fd, bytes, size, ret_len);
    close(fd);
    return r;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return tn_str_dup(TN_STR("."));
    }
    return tn_str_dup((struct tn_str){path, slash == path ? 1 : (size_t)(slash - path)});
}

static int tell_unreadable(struct px_messages *messages, const char *path, int code)
{
    struct px_text text = {0};
    px_text_add(&text, "cannot be read: %s", strerror(-code));
    int r = px_messages_set_file(messages, path);
    if (r == 0) {
        r = px_messages_add(messages, PX_ERROR, 0, 0, text.bytes);
    }
    return r < 0 ? r : code;
}

int px_config_load(const char *path, struct px_messages *messages, struct px_config **ret_config)
{
    size_t len = 0;
    char *dir = dir_of(path);
    char *bytes = malloc(PX_FILE_BYTES_MAX + 1);
    int r = dir && bytes ? read_file(path, bytes, PX_FILE_BYTES_MAX + 1, &len) : -ENOMEM;
    if (r == 0) {
        r = px_config_parse((struct tn_str){bytes, len}, path, dir, messages, ret_config);
    } else if (r != -ENOMEM) {
        r = tell_unreadable(messages, path, r);
    }
    free(bytes);
    free(dir);
    return r;
}
