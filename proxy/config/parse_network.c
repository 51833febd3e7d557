#include "proxy/config/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define LISTENS_MAX 64
#define TRUSTED_MAX 1024

static void key_listen_address(struct px_parser *parser, const struct px_node *node,
                               const struct px_key *key, void *context)
{
    (void)key;
    struct px_listen *listen = context;
    px_parse_address(parser, node, 0, &listen->address);
}

static void key_proxy_protocol(struct px_parser *parser, const struct px_node *node,
                               const struct px_key *key, void *context)
{
    (void)key;
    px_parse_bool(parser, node, &((struct px_listen *)context)->proxy_protocol);
}

void px_parse_listen(struct px_parser *parser, const struct px_node *node, struct px_config *config)
{
    static const struct px_key keys[] = {
        {.name = "address", .parse = key_listen_address},
        {.name = "proxy_protocol", .parse = key_proxy_protocol},
        {.name = "tls"},
    };
    if (!px_parse_list(parser, node, "addresses such as [\"0.0.0.0:8080\"]", LISTENS_MAX)) {
        return;
    }
    config->listens = px_parser_alloc(parser, node->count, sizeof(*config->listens));
    if (!config->listens) {
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        struct px_listen *listen = &config->listens[config->listen_count++];
        if (item->kind != PX_NODE_MAP) {
            px_parse_address(parser, item, 0, &listen->address);
        } else if (px_parse_map(parser, item, "a listener", keys, sizeof(keys) / sizeof(keys[0]),
                                listen) &&
                   !px_node_means(item, "address")) {
            px_error(parser, item, "listen: 'address' is missing");
        }
    }
}

static bool is_loopback(const struct sockaddr_storage *sa)
{
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sa;
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
}

static void parse_admin_unix(struct px_parser *parser, const struct px_node *node,
                             struct px_config *config)
{
    const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    struct tn_str path = {node->text.ptr + 5, node->text.len - 5};
    if (path.len == 0 || path.ptr[path.len - 1] == '/') {
        px_expected(parser, node, "the path of a socket file, such as unix:./turnout.sock", NULL);
        return;
    }
    char *resolved = px_parser_resolve(parser, path);
    if (!resolved) {
        return;
    }
    if (strlen(resolved) > max) {
        px_error(parser, node,
                 "admin: the path of a Unix socket may have at most %zu bytes, this one has %zu: "
                 "%.120s",
                 max, strlen(resolved), resolved);
        free(resolved);
        return;
    }
    free(config->admin_path);
    config->admin_path = resolved;
    config->admin_kind = PX_ADMIN_UNIX;
}

void px_parse_admin(struct px_parser *parser, const struct px_node *node, struct px_config *config)
{
    if (node->kind == PX_NODE_SCALAR && tn_str_equal(node->text, TN_STR("off"))) {
        return;
    }
    if (node->kind == PX_NODE_SCALAR && tn_str_has_prefix(node->text, TN_STR("unix:"))) {
        parse_admin_unix(parser, node, config);
        return;
    }
    if (node->kind != PX_NODE_SCALAR || node->text.len == 0 ||
        memchr(node->text.ptr, '/', node->text.len)) {
        char suggestion[160];
        bool is_path = node->text.len > 0 && node->text.len <= 150;
        (void)snprintf(suggestion, sizeof(suggestion), "unix:%s", is_path ? node->text.ptr : "");
        px_expected(parser, node, "unix:PATH, an address of loopback, or off",
                    is_path ? suggestion : NULL);
        return;
    }
    if (px_parse_address(parser, node, 0, &config->admin_address)) {
        config->admin_kind = PX_ADMIN_TCP;
    }
}

/* The same prefix with its host bits cleared, as text. */
static void write_prefix(const struct px_prefix *prefix, char *text, size_t size)
{
    uint8_t bytes[16] = {0};
    for (uint32_t bit = 0; bit < prefix->bits; bit++) {
        bytes[bit / 8] |= prefix->bytes[bit / 8] & (uint8_t)(0x80u >> (bit % 8));
    }
    char address[INET6_ADDRSTRLEN];
    inet_ntop(prefix->family, bytes, address, sizeof(address));
    (void)snprintf(text, size, "%s/%u", address, prefix->bits);
}

static bool has_host_bits(const struct px_prefix *prefix)
{
    uint32_t width = prefix->family == AF_INET ? 32 : 128;
    for (uint32_t bit = prefix->bits; bit < width; bit++) {
        if (prefix->bytes[bit / 8] & (0x80u >> (bit % 8))) {
            return true;
        }
    }
    return false;
}

static bool parse_prefix(struct px_parser *parser, const struct px_node *node,
                         struct px_prefix *target)
{
    static const char what[] = "a network such as 10.0.0.0/8, fd00::/8, or one address";
    struct sockaddr_storage sa;
    const char *slash = node->text.len > 0 ? memchr(node->text.ptr, '/', node->text.len) : NULL;
    struct tn_str host = {node->text.ptr,
                          slash ? (size_t)(slash - node->text.ptr) : node->text.len};
    if (node->kind != PX_NODE_SCALAR || !px_parse_host(host, &sa)) {
        px_expected(parser, node, what, NULL);
        return false;
    }
    struct px_prefix prefix = {.family = sa.ss_family};
    unsigned long long width = sa.ss_family == AF_INET ? 32 : 128;
    unsigned long long bits = width;
    if (slash && tn_str_parse_u64((struct tn_str){slash + 1, node->text.len - host.len - 1}, width,
                                  &bits) < 0) {
        px_expected(parser, node, what, NULL);
        return false;
    }
    prefix.bits = (uint8_t)bits;
    if (prefix.family == AF_INET) {
        memcpy(prefix.bytes, &((struct sockaddr_in *)(void *)&sa)->sin_addr, 4);
    } else {
        memcpy(prefix.bytes, &((struct sockaddr_in6 *)(void *)&sa)->sin6_addr, 16);
    }
    if (has_host_bits(&prefix)) {
        char suggestion[INET6_ADDRSTRLEN + 8];
        write_prefix(&prefix, suggestion, sizeof(suggestion));
        px_expected(parser, node, "a network with no bits set behind its prefix", suggestion);
        return false;
    }
    *target = prefix;
    return true;
}

void px_parse_trusted(struct px_parser *parser, const struct px_node *node,
                      struct px_config *config)
{
    if (node->kind == PX_NODE_LIST && node->count == 0) {
        return;
    }
    if (!px_parse_list(parser, node, "networks such as [\"10.0.0.0/8\"]", TRUSTED_MAX)) {
        return;
    }
    config->trusted = px_parser_alloc(parser, node->count, sizeof(*config->trusted));
    if (!config->trusted) {
        return;
    }
    PX_NODE_FOR_EACH (item, node) {
        struct px_prefix *prefix = &config->trusted[config->trusted_count];
        config->trusted_count += parse_prefix(parser, item, prefix);
    }
}

struct used {
    const struct px_node *node;
    const struct px_address *address;
};

/* The same address for two listeners would fail at start only; port 0 is a new one each time. */
static void check_free(struct px_parser *parser, const struct used *used, uint32_t count)
{
    const struct used *last = &used[count - 1];
    struct sockaddr_storage sa = last->address->sa;
    uint16_t port = sa.ss_family == AF_INET
                        ? ((const struct sockaddr_in *)(const void *)&sa)->sin_port
                        : ((const struct sockaddr_in6 *)(const void *)&sa)->sin6_port;
    for (uint32_t i = 0; port != 0 && i + 1 < count; i++) {
        if (memcmp(&used[i].address->sa, &sa, sizeof(sa)) == 0) {
            px_error(parser, last->node, "%.*s: address %s is already used on line %u",
                     TN_STR_ARGS(last->node->key->text), last->address->text, used[i].node->line);
            return;
        }
    }
}

/* Who may use the admin interface: on a socket its file says so, on TCP the tokens. */
static void check_admin(struct px_parser *parser, const struct px_node *top,
                        const struct px_config *config)
{
    const struct px_node *admin = px_node_find(top, "admin");
    const struct px_node *tokens = px_node_find(top, "token_file");
    const struct px_node *group = px_node_find(top, "admin_group");
    bool is_known = !admin || config->admin_kind != PX_ADMIN_NONE ||
                    tn_str_equal(admin->text, TN_STR("off")); /* else it was complained about */
    if (tokens && is_known && config->admin_kind != PX_ADMIN_TCP) {
        px_error(parser, tokens->key,
                 "'token_file' belongs to an admin address on TCP, such as 127.0.0.1:9091: a "
                 "socket is opened by its owner, and by admin_group");
    }
    if (group && is_known && config->admin_kind != PX_ADMIN_UNIX) {
        px_error(parser, group->key, "'admin_group' belongs to an admin socket: admin: unix:PATH");
    }
    if (config->admin_kind != PX_ADMIN_TCP) {
        return;
    }
    if (!is_loopback(&config->admin_address.sa)) {
        px_error(parser, admin,
                 "admin: '%s' is not a loopback address; the admin interface listens only on "
                 "unix:PATH, 127.0.0.1 or [::1]",
                 config->admin_address.text);
    } else if (!px_node_means(top, "token_file")) {
        px_error(parser, admin,
                 "admin: a TCP address needs token_file: whoever reaches the port "
                 "must show a token");
    }
}

void px_check_addresses(struct px_parser *parser, const struct px_node *top,
                        const struct px_config *config)
{
    struct used used[LISTENS_MAX + 2];
    uint32_t count = 0;
    const struct px_node *listen = px_node_find(top, "listen");
    uint32_t i = 0;
    for (const struct px_node *item = listen ? listen->first : NULL;
         item && i < config->listen_count; item = item->next, i++) {
        if (config->listens[i].address.text) {
            used[count++] = (struct used){item, &config->listens[i].address};
            check_free(parser, used, count);
        }
    }
    if (config->metrics.text) {
        used[count++] = (struct used){px_node_find(top, "metrics"), &config->metrics};
        check_free(parser, used, count);
    }
    if (config->admin_kind == PX_ADMIN_TCP) {
        used[count++] = (struct used){px_node_find(top, "admin"), &config->admin_address};
        check_free(parser, used, count);
    }
    check_admin(parser, top, config);
}
